// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/session.h"

#include <fcntl.h>

#include "ci/kct/local_socket.h"
#include "ci/kct/run_command.h"
#include "ci/kct/session_server.h"
#include "ci/vm/files.h"
#include "harness/base/errno.h"

namespace kct {
namespace {

std::filesystem::path FolderOf(const SessionOptions& options) {
  return options.folder.empty() ? ProgramFolder().parent_path() / "session"
                                : std::filesystem::absolute(options.folder);
}

// A server has no terminal; what it says goes to server.log.
Status BecomeServer(const std::filesystem::path& folder) {
  setsid();
  const std::filesystem::path log = folder / "server.log";
  const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd out(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!null || !out) return MakeError("{}: {}", log.string(), LastErrno().Explain());
  dup2(null.get(), STDIN_FILENO);
  dup2(out.get(), STDOUT_FILENO);
  dup2(out.get(), STDERR_FILENO);
  return {};
}

// The status in the last line of an answer, "exit N"; the lines before it are printed.
int PrintAnswer(const std::string& answer) {
  constexpr std::string_view kMark = "exit ";
  const std::size_t at = answer.rfind(kMark);
  if (at == std::string::npos || (at > 0 && answer[at - 1] != '\n')) {
    fmt::print("{}kct: the session ended before the test did\n", answer);
    return static_cast<int>(Exit::kMachine);
  }
  fmt::print("{}", answer.substr(0, at));
  return std::stoi(answer.substr(at + kMark.size()));
}

}  // namespace

Exit StartSession(const SessionOptions& options) {
  const std::filesystem::path folder = FolderOf(options);
  StopSession(options);
  std::error_code error;
  std::filesystem::remove_all(folder / "run", error);
  if (const Status made = MakeFolder(folder); !made) {
    return Complain({Exit::kMachine, made.error().message});
  }
  LabOptions lab_options = options.lab;
  lab_options.out = folder / "run";
  std::variant<Lab, Stop> opened = Lab::Open(lab_options);
  if (const Stop* stop = std::get_if<Stop>(&opened)) return Complain(*stop);
  Lab lab = std::get<Lab>(std::move(opened));
  if (std::optional<Stop> stop = lab.Equip()) return Complain(*stop);
  // Listening before the fork: when this command returns, a test can run.
  Result<UniqueFd> listener = ListenIn(folder);
  if (!listener) return Complain({Exit::kMachine, listener.error().message});
  const pid_t pid = fork();
  if (pid < 0) return Complain({Exit::kMachine, "no new process: " + LastErrno().Explain()});
  if (pid > 0) {
    fmt::print("session of {} in {}\n", lab.Facts().kernel_spec, folder.string());
    return Exit::kNothingNew;
  }
  if (const Status became = BecomeServer(folder); !became) return Exit::kMachine;
  return Serve({folder, std::move(listener).value(), options.seed}, lab);
}

int RunInSession(const SessionOptions& options, const std::string& test) {
  Result<UniqueFd> server = ConnectTo(FolderOf(options));
  if (!server) return static_cast<int>(Complain({Exit::kUsage, server.error().message}));
  SendAll(server->get(), "run " + test + "\n");
  return PrintAnswer(ReceiveAll(server->get()));
}

Exit StopSession(const SessionOptions& options) {
  Result<UniqueFd> server = ConnectTo(FolderOf(options));
  if (!server) return Exit::kNothingNew;
  SendAll(server->get(), "stop\n");
  ReceiveAll(server->get());
  return Exit::kNothingNew;
}

}  // namespace kct
