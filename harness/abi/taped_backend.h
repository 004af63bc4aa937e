// SPDX-License-Identifier: GPL-2.0-only
// TapedBackend: puts every ioctl on the tape (harness/base/tape.h), and passes it on.
//
// TapeEvent::before has the argument's words: WordsOf (call.h), and
//   KVM_SET_USER_MEMORY_REGION2   then the guest_memfd and the offset in it
//   KVM_SET_VCPU_EVENTS           {flags, smi.smm}
// TapeEvent::after has
//   KVM_PRE_FAULT_MEMORY          {gpa, size}
//   KVM_GET_DIRTY_LOG             {the first 64 bits}
#pragma once

#include "harness/abi/backend.h"

namespace kct {

class TapedBackend final : public Backend {
 public:
  explicit TapedBackend(Backend& inner) : inner_(inner) {}
  RawAnswer Ioctl(int fd, unsigned long request, uintptr_t argument) override;

 private:
  Backend& inner_;
};

}  // namespace kct
