// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/taped_backend.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "harness/base/tape.h"

namespace kct {
namespace {

// Copies the structure that the argument points to. Where the pointer may be bad the kernel does
// it, which takes long.
template <typename T>
bool Copy(uintptr_t argument, T& copy) {
  if (!argument_may_be_bad) {
    std::memcpy(&copy, reinterpret_cast<const void*>(argument), sizeof copy);
    return true;
  }
  const iovec to{&copy, sizeof copy}, from{reinterpret_cast<void*>(argument), sizeof copy};
  return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == static_cast<ssize_t>(sizeof copy);
}

template <typename T>
void PutWords(uintptr_t argument, TapeEvent& event) {
  T copy;
  event.unreadable = !Copy(argument, copy);
  if (event.unreadable) return;
  const ArgWords words = WordsOf(copy);
  std::copy(words.begin(), words.end(), event.before.begin());
  if constexpr (std::is_same_v<T, kvm_userspace_memory_region2>) {
    event.before[5] = copy.guest_memfd;
    event.before[6] = copy.guest_memfd_offset;
  }
}

void PutEvents(uintptr_t argument, TapeEvent& event) {
  kvm_vcpu_events events;
  event.unreadable = !Copy(argument, events);
  if (!event.unreadable) event.before = {events.flags, events.smi.smm};
}

void PutArgument(unsigned long request, uintptr_t argument, TapeEvent& event) {
  switch (request) {
    case KVM_PRE_FAULT_MEMORY:
      return PutWords<kvm_pre_fault_memory>(argument, event);
    case KVM_SET_USER_MEMORY_REGION:
      return PutWords<kvm_userspace_memory_region>(argument, event);
    case KVM_SET_USER_MEMORY_REGION2:
      return PutWords<kvm_userspace_memory_region2>(argument, event);
    case KVM_ENABLE_CAP:
      return PutWords<kvm_enable_cap>(argument, event);
    case KVM_GET_DIRTY_LOG:
      return PutWords<kvm_dirty_log>(argument, event);
    case KVM_CREATE_GUEST_MEMFD:
      return PutWords<kvm_create_guest_memfd>(argument, event);
    case KVM_SET_MEMORY_ATTRIBUTES:
      return PutWords<kvm_memory_attributes>(argument, event);
    case KVM_SET_VCPU_EVENTS:
      return PutEvents(argument, event);
    default:
      event.before = {argument};
  }
}

void PutAnswer(unsigned long request, uintptr_t argument, TapeEvent& event) {
  if (event.unreadable) return;
  if (request == KVM_PRE_FAULT_MEMORY) {
    kvm_pre_fault_memory range;
    if (Copy(argument, range)) event.after = {range.gpa, range.size};
  }
  if (request == KVM_GET_DIRTY_LOG && event.ret == 0) {
    kvm_dirty_log log;
    if (Copy(argument, log)) event.after = {*static_cast<const uint64_t*>(log.dirty_bitmap)};
  }
}

}  // namespace

RawAnswer TapedBackend::Ioctl(int fd, unsigned long request, uintptr_t argument) {
  OnTape event(TapeKind::kIoctl);
  if (!event) return inner_.Ioctl(fd, request, argument);
  event->fd = fd;
  event->request = request;
  PutArgument(request, argument, *event.operator->());
  event.Begin();
  const RawAnswer answer = inner_.Ioctl(fd, request, argument);
  event.Stamp();
  event->ret = answer.ret;
  event->error = answer.error;
  PutAnswer(request, argument, *event.operator->());
  event.End();
  return answer;
}

}  // namespace kct
