// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/local_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "harness/base/clock.h"
#include "harness/base/errno.h"

namespace kct {
namespace {

constexpr const char* kName = "socket";

// The address goes through a descriptor of the folder, which `folder_fd` must keep open.
sockaddr_un AddressIn(const UniqueFd& folder_fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format_to_n(address.sun_path, sizeof address.sun_path - 1, "/proc/self/fd/{}/{}",
                   folder_fd.get(), kName);
  return address;
}

Result<UniqueFd> OpenFolder(const std::filesystem::path& folder) {
  UniqueFd fd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return MakeError("{}: {}", folder.string(), LastErrno().Explain());
  return fd;
}

}  // namespace

Result<UniqueFd> ListenIn(const std::filesystem::path& folder) {
  KCT_TRY(const UniqueFd folder_fd, OpenFolder(folder));
  unlinkat(folder_fd.get(), kName, 0);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressIn(folder_fd);
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), 64) != 0) {
    return MakeError("{}: no socket: {}", folder.string(), LastErrno().Explain());
  }
  return fd;
}

Result<UniqueFd> ConnectTo(const std::filesystem::path& folder) {
  KCT_TRY(const UniqueFd folder_fd, OpenFolder(folder));
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressIn(folder_fd);
  if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return MakeError("no session in {}: {}", folder.string(), LastErrno().Explain());
  }
  return fd;
}

void SendAll(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && LastErrno() == Errno(EINTR)) continue;
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string ReceiveAll(int socket) {
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t count = recv(socket, buffer, sizeof buffer, 0);
    if (count < 0 && LastErrno() == Errno(EINTR)) continue;
    if (count <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

std::string ReceiveLine(int socket) {
  std::string line;
  const Instant deadline = Clock::now() + 1s;
  while (Clock::now() < deadline) {
    pollfd ready{.fd = socket, .events = POLLIN, .revents = 0};
    char c;
    if (poll(&ready, 1, 100) <= 0) continue;
    if (recv(socket, &c, 1, 0) != 1 || c == '\n') break;
    line += c;
  }
  return line;
}

}  // namespace kct
