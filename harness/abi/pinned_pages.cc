// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/pinned_pages.h"

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "harness/base/errno.h"

namespace kct {

Result<PinnedPages> PinnedPages::None() {
  io_uring_params params = {};
  UniqueFd ring(static_cast<int>(syscall(SYS_io_uring_setup, 1, &params)));
  if (!ring) return MakeError("io_uring_setup: {}", LastErrno().Explain());
  return PinnedPages(std::move(ring));
}

Result<PinnedPages> PinnedPages::Of(Hva start, Bytes size) {
  KCT_TRY(PinnedPages pages, None());
  const iovec buffer{Pointer(start), size.count};
  if (syscall(SYS_io_uring_register, pages.ring_.get(), IORING_REGISTER_BUFFERS, &buffer, 1) != 0) {
    return MakeError("io_uring_register: {}", LastErrno().Explain());
  }
  return pages;
}

}  // namespace kct
