// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/init/port.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>

#include "ci/vm/line_splitter.h"
#include "harness/base/errno.h"

namespace kct {

Result<Port> Port::OpenSerial(const char* path) {
  UniqueFd in(open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!in) return MakeError("{}: {}", path, LastErrno().Explain());
  termios settings;
  if (tcgetattr(in.get(), &settings) != 0) {
    return MakeError("{}: not a serial port: {}", path, LastErrno().Explain());
  }
  cfmakeraw(&settings);
  cfsetspeed(&settings, B115200);
  settings.c_cflag |= CLOCAL;  // no modem, no hang-up
  if (tcsetattr(in.get(), TCSANOW, &settings) != 0) {
    return MakeError("{}: can't set it to raw: {}", path, LastErrno().Explain());
  }
  UniqueFd out(fcntl(in.get(), F_DUPFD_CLOEXEC, 0));
  if (!out) return MakeError("{}: {}", path, LastErrno().Explain());
  return Port(std::move(in), std::move(out));
}

Result<Port> Port::TakeStdio() {
  UniqueFd in(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10));
  UniqueFd out(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10));
  if (!in || !out) return MakeError("standard input or output is closed");
  if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    return MakeError("standard error is closed");
  }
  return Port(std::move(in), std::move(out));
}

void Port::Write(std::string_view line) const {
  std::string bytes = Printable(line);
  bytes += '\n';
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t written = write(out_.get(), rest.data(), rest.size());
    if (written > 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    const Errno error = LastErrno();
    if (error == Errno(EAGAIN)) {
      pollfd writable{.fd = out_.get(), .events = POLLOUT, .revents = 0};
      poll(&writable, 1, -1);
    } else if (error != Errno(EINTR)) {
      return;  // Nobody listens any more; there is nobody to tell.
    }
  }
}

}  // namespace kct
