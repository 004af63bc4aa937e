// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "harness/base/clock.h"
#include "harness/base/errno.h"

namespace kct {
namespace {

struct Plumbing {
  int socket;
  int error_file;
};

[[noreturn]] void Exec(const std::vector<std::string>& argv, const Plumbing& plumbing,
                       pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above could notice
  dup2(plumbing.socket, STDIN_FILENO);
  dup2(plumbing.socket, STDOUT_FILENO);
  dup2(plumbing.error_file, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  dprintf(STDERR_FILENO, "%s: %s\n", arguments[0], LastErrno().Explain().c_str());
  _exit(127);
}

}  // namespace

Result<Child> Child::Start(const std::vector<std::string>& argv,
                           const std::filesystem::path& error_file) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return MakeError("no socket pair: {}", LastErrno().Explain());
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const UniqueFd errors(open(error_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!errors) return MakeError("{}: {}", error_file.string(), LastErrno().Explain());
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return MakeError("no new process: {}", LastErrno().Explain());
  if (pid == 0) Exec(argv, {theirs.get(), errors.get()}, parent);
  setpgid(pid, pid);  // here too: whoever comes first
  return Child(pid, std::move(ours));
}

int Child::Collect() {
  int status = 0;
  const bool ended =
      WaitUntil([&] { return waitpid(pid_, &status, WNOHANG) == pid_; }, Clock::now() + 2s);
  if (!ended) {
    kill(-pid_, SIGKILL);
    waitpid(pid_, &status, 0);
  }
  pid_ = -1;
  return status;
}

void Child::Kill() {
  if (pid_ < 0) return;
  kill(-pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace kct
