// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/user_memory.h"

#include <sys/uio.h>
#include <unistd.h>

namespace kct::imitation {

bool ReadUser(Hva from, void* to, std::size_t size) {
  const iovec ours{to, size}, theirs{Pointer(from), size};
  return process_vm_readv(getpid(), &ours, 1, &theirs, 1, 0) == static_cast<ssize_t>(size);
}

bool WriteUser(Hva to, const void* from, std::size_t size) {
  const iovec ours{const_cast<void*>(from), size}, theirs{Pointer(to), size};
  return process_vm_writev(getpid(), &ours, 1, &theirs, 1, 0) == static_cast<ssize_t>(size);
}

}  // namespace kct::imitation
