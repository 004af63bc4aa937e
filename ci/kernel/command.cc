// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "harness/base/errno.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return MakeError("no pipe: {}", LastErrno().Explain());
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<std::string> Environment(const Command& command) {
  std::vector<std::string> all;
  const auto add = [&](const std::string& entry) {
    const std::string name = entry.substr(0, entry.find('=') + 1);
    std::erase_if(all, [&](const std::string& old) { return old.starts_with(name); });
    all.push_back(entry);
  };
  for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
  add("LC_ALL=C");
  for (const std::string& entry : command.environment) add(entry);
  return all;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// What the child does between fork and exec: system calls only. 127 says that exec failed.
[[noreturn]] void BecomeProgram(char* const* argv, char* const* environment, const char* directory,
                                int out, int err) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (*directory == '\0' || chdir(directory) == 0) execvpe(argv[0], argv, environment);
  _exit(127);
}

int MillisecondsUntil(Instant deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30));
}

// Appends what can be read now; closes the pipe at its end.
void Drain(UniqueFd& fd, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
  if (got > 0) {
    text.append(buffer.data(), static_cast<size_t>(got));
  } else {
    fd.Reset();
  }
}

// Shows what came after `seen` bytes, up to the last end of a line; how far that is.
size_t ShowLines(const std::string& text, size_t seen,
                 const std::function<void(std::string_view)>& on_line) {
  for (size_t end; (end = text.find('\n', seen)) != std::string::npos; seen = end + 1) {
    on_line(std::string_view(text).substr(seen, end - seen));
  }
  return seen;
}

int StatusOf(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

std::string CommandOutput::Complaint() const {
  std::istringstream lines(err);
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("E: ")) return line.substr(3);
    if (!line.empty()) last = line;
  }
  return last.empty() ? fmt::format("exit status {}", status) : last;
}

Result<CommandOutput> RunCommand(const Command& command) {
  KCT_TRY(Pipe out, MakePipe());
  KCT_TRY(Pipe err, MakePipe());
  const auto environment = Environment(command);
  const auto argv_pointers = Pointers(command.argv);
  const auto environment_pointers = Pointers(environment);
  const Instant deadline = Clock::now() + command.timeout;
  const pid_t child = fork();
  if (child < 0) return MakeError("no new process: {}", LastErrno().Explain());
  if (child == 0) {
    BecomeProgram(argv_pointers.data(), environment_pointers.data(), command.directory.c_str(),
                  out.write.get(), err.write.get());
  }
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  out.write.Reset();
  err.write.Reset();

  CommandOutput output;
  size_t shown = 0;
  while (out.read || err.read) {
    pollfd fds[] = {{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}};
    if (poll(fds, 2, MillisecondsUntil(deadline)) == 0) break;
    if (fds[0].revents != 0) Drain(out.read, output.out);
    if (fds[1].revents != 0) Drain(err.read, output.err);
    if (command.on_line) shown = ShowLines(output.out, shown, command.on_line);
  }
  pollfd end{process.get(), POLLIN, 0};
  if (poll(&end, 1, MillisecondsUntil(deadline)) == 0) {
    kill(child, SIGKILL);
    StatusOf(child);
    return MakeError("{} did not end within {:.0f} s", command.argv[0], Seconds(command.timeout));
  }
  output.status = StatusOf(child);
  if (output.status == 127 && output.out.empty() && output.err.empty()) {
    return MakeError("can't run {}: is it installed?", command.argv[0]);
  }
  return output;
}

}  // namespace kct
