// SPDX-License-Identifier: GPL-2.0-only
// Fixed buffers of io_uring: pages that somebody holds.

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "harness/abi/host.h"
#include "harness/base/errno.h"

namespace kct {

Result<UniqueFd> Host::PinPages(Hva start, Bytes size) {
  io_uring_params params = {};
  UniqueFd ring(static_cast<int>(syscall(SYS_io_uring_setup, 1, &params)));
  if (!ring) return MakeError("io_uring_setup: {}", LastErrno().Explain());
  if (size == Bytes{0}) return ring;
  const iovec buffer{Pointer(start), size.count};
  if (syscall(SYS_io_uring_register, ring.get(), IORING_REGISTER_BUFFERS, &buffer, 1) != 0) {
    return MakeError("io_uring_register: {}", LastErrno().Explain());
  }
  return ring;
}

}  // namespace kct
