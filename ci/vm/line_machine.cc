// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/line_machine.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ci/vm/files.h"
#include "harness/base/errno.h"

namespace kct {
namespace {

std::string LastLine(const std::filesystem::path& path) {
  Result<std::string> text = ReadFile(path);
  if (!text) return "";
  std::string_view rest = *text;
  while (rest.ends_with('\n')) rest.remove_suffix(1);
  return std::string(rest.substr(rest.rfind('\n') + 1));
}

}  // namespace

Result<std::unique_ptr<Machine>> LineMachine::Start(const std::vector<std::string>& argv,
                                                    const std::filesystem::path& folder,
                                                    const Interrupt& interrupt, Patience patience) {
  return Start(argv, Output(), folder, interrupt, patience);
}

Result<std::unique_ptr<Machine>> LineMachine::Follow(const std::vector<std::string>& argv,
                                                     const std::filesystem::path& output,
                                                     const std::filesystem::path& folder,
                                                     const Interrupt& interrupt,
                                                     Patience patience) {
  KCT_TRY_STATUS(MakeFolder(folder));
  Output file{UniqueFd(open(output.c_str(), O_RDONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)),
              UniqueFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK))};
  const bool watched = file.file && file.grows &&
                       inotify_add_watch(file.grows.get(), output.c_str(), IN_MODIFY) >= 0;
  if (!watched) return MakeError("{}: {}", output.string(), LastErrno().Explain());
  return Start(argv, std::move(file), folder, interrupt, patience);
}

Result<std::unique_ptr<Machine>> LineMachine::Start(const std::vector<std::string>& argv,
                                                    Output output,
                                                    const std::filesystem::path& folder,
                                                    const Interrupt& interrupt, Patience patience) {
  KCT_TRY_STATUS(MakeFolder(folder));
  const std::filesystem::path log = folder / "kernel.log";
  UniqueFd kernel_log(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!kernel_log) return MakeError("{}: {}", log.string(), LastErrno().Explain());
  KCT_TRY(Child child, Child::Start(argv, folder / "stderr.txt"));
  return std::unique_ptr<Machine>(new LineMachine(
      std::move(child), std::move(output), std::move(kernel_log), folder, interrupt, patience));
}

LineMachine::LineMachine(Child child, Output output, UniqueFd kernel_log,
                         std::filesystem::path folder, const Interrupt& interrupt,
                         Patience patience)
    : child_(std::move(child)),
      output_(std::move(output)),
      kernel_log_(std::move(kernel_log)),
      folder_(std::move(folder)),
      interrupt_(interrupt),
      patience_(patience),
      last_line_(Clock::now()) {}

void LineMachine::Send(const std::string& command) {
  const std::string line = command + "\n";
  // A command is short and the socket's buffer is not: one call takes all of it.
  static_cast<void>(send(child_.socket(), line.data(), line.size(), MSG_NOSIGNAL));
}

Heard LineMachine::Listen() {
  while (heard_.empty()) {
    if (std::optional<Heard> end = Wait()) return *end;
    if (std::optional<Heard> end = Read()) heard_.push_back(*end);
  }
  Heard heard = std::move(heard_.front());
  heard_.pop_front();
  return heard;
}

std::optional<Heard> LineMachine::Wait() {
  const Duration patience = up_ ? patience_.line : patience_.first_line;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(last_line_ + patience - Clock::now());
    const int timeout = static_cast<int>(std::max(left, 0ms).count());
    pollfd ready[] = {{.fd = interrupt_.fd(), .events = POLLIN, .revents = 0},
                      {.fd = child_.socket(), .events = POLLIN, .revents = 0},
                      {.fd = output_.grows.get(), .events = POLLIN, .revents = 0}};
    const int count = poll(ready, std::size(ready), timeout);
    if (ready[0].revents != 0) return Interrupted{};
    // First what was said while nobody listened; only then is it silence.
    if (count > 0) return std::nullopt;
    if (count < 0 || left > 0ms) continue;
    child_.Kill();
    return MachineEnded{
        MachineEnded::Cause::kKernelDied,
        fmt::format("{} for {:.0f} s", up_ ? "silent" : "didn't come up", Seconds(patience))};
  }
}

ssize_t LineMachine::ReadSome(char* buffer, std::size_t size) {
  if (!output_.file) return read(child_.socket(), buffer, size);
  pollfd child{.fd = child_.socket(), .events = POLLIN, .revents = 0};
  const bool ended = poll(&child, 1, 0) > 0;  // it says nothing there: it has hung up
  inotify_event news[16];
  while (read(output_.grows.get(), news, sizeof news) > 0) continue;
  const ssize_t count = read(output_.file.get(), buffer, size);
  return count > 0 || ended ? count : -1;
}

std::optional<Heard> LineMachine::Read() {
  char buffer[64 * 1024];
  const ssize_t count = ReadSome(buffer, sizeof buffer);
  if (count < 0 && output_.file) return std::nullopt;  // news of what was read before
  if (count <= 0) {
    lines_.Finish([this](std::string_view line) { Take(line); });
    return Epitaph();
  }
  lines_.Feed({buffer, static_cast<std::size_t>(count)},
              [this](std::string_view line) { Take(line); });
  return std::nullopt;
}

void LineMachine::Take(std::string_view line) {
  std::optional<Message> message = ParseMessage(line);
  // Firmware and QEMU are silent on this port; what they said anyway would be no line of ours.
  if (!message) return;
  last_line_ = Clock::now();
  up_ = up_ || message->kind == Message::Kind::kUp;
  if (message->kind == Message::Kind::kKernelLog) {
    const std::string entry = fmt::format("[{:12.6f}] <{}> {}\n", message->time.count() / 1e6,
                                          message->status, message->text);
    if (write(kernel_log_.get(), entry.data(), entry.size()) < 0) {
      heard_.push_back(MachineEnded{
          MachineEnded::Cause::kOurs,
          fmt::format("{}: {}", (folder_ / "kernel.log").string(), LastErrno().Explain())});
    }
  }
  heard_.push_back(*std::move(message));
}

MachineEnded LineMachine::Epitaph() {
  if (child_.pid() < 0) return {MachineEnded::Cause::kEmulator, "the machine was ended before"};
  const int status = child_.Collect();
  if (WIFSIGNALED(status)) {
    return {MachineEnded::Cause::kEmulator,
            fmt::format("the emulator was killed by signal {}", WTERMSIG(status))};
  }
  if (WEXITSTATUS(status) == 0) {
    return {MachineEnded::Cause::kKernelDied, "the kernel rebooted or powered off"};
  }
  return {MachineEnded::Cause::kEmulator,
          fmt::format("the emulator ended with status {}: {}", WEXITSTATUS(status),
                      LastLine(folder_ / "stderr.txt"))};
}

}  // namespace kct
