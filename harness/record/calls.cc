// SPDX-License-Identifier: GPL-2.0-only
#include "harness/record/calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "harness/abi/ioctls.h"
#include "harness/abi/proposed.h"
#include "harness/abi/uapi.h"

namespace kct {
namespace {

using model::Kind;
using What = Translated::What;

// Ioctls of a VM that leave its slots and what is in them alone.
constexpr std::array kNeutralOfVms{
    static_cast<unsigned long>(KVM_CHECK_EXTENSION), static_cast<unsigned long>(KVM_CREATE_VCPU),
    static_cast<unsigned long>(KVM_GET_STATS_FD), static_cast<unsigned long>(KVM_SET_TSS_ADDR)};

// Capabilities that change what later calls mean.
constexpr std::array kCapabilitiesBeyondTheModel{KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
                                                 KVM_CAP_DIRTY_LOG_RING};

Translated Unknown(std::string why) { return {What::kUnknown, {}, std::move(why)}; }

Translated Call(const TapeEvent& event, const model::Operation& op) {
  Translated translated{What::kCall, {}, {}};
  RecordedCall& call = translated.call;
  call.op = op;
  call.seen.error = event.error;
  call.begin = event.begin;
  call.end = event.end;
  call.returned = event.returned;
  return translated;
}

bool Has(const TapeEvent& event, int error) {
  return event.returned && event.error == Errno(error);
}

Translated Region(const VmEvents::Call& of) {
  const TapeEvent& event = *of.taped.event;
  const auto& words = event.before;
  Translated region = Call(event, {.kind = Kind::kSetRegion,
                                   .second_version = event.request == KVM_SET_USER_MEMORY_REGION2,
                                   .slot = static_cast<uint32_t>(words[0]),
                                   .flags = words[1],
                                   .address = words[2],
                                   .size = words[3],
                                   .host = words[4]});
  if ((words[1] & kMemUserfault) != 0 && event.returned && event.ret == 0) {
    return Unknown("a slot with exits for missing pages: recordings don't say which are missing");
  }
  if ((words[1] & KVM_MEM_GUEST_MEMFD) == 0) return region;
  region.call.op.gmem = of.file;
  region.call.op.gmem_offset = words[6];
  // What the file and the offset must be the model does not know.
  if (event.returned && event.ret < 0) region.call.refused = true;
  const bool binds = words[3] != 0 && event.returned && event.ret == 0;
  if (binds && of.file < 0) {
    return Unknown("a slot with a guest_memfd of unknown origin");
  }
  return region;
}

Translated PreFault(const VmEvents::Call& of, uint64_t first_signal) {
  const TapeEvent& event = *of.taped.event;
  Translated prefault = Call(event, {.kind = Kind::kPreFault,
                                     .vcpu = static_cast<uint8_t>(of.on.number),
                                     .flags = event.before[2],
                                     .address = event.before[0],
                                     .size = event.before[1]});
  RecordedCall& call = prefault.call;
  call.seen.address = event.after[0];
  call.seen.left = event.after[1];
  const bool stopped =
      call.seen.error == Errno(EINTR) || (call.seen.error == Errno() && event.after[1] != 0);
  call.op.may_be_interrupted = event.returned && stopped && first_signal <= event.end;
  const uint64_t reason_before = event.note[0], reason_after = event.note[1];
  if (Has(event, EFAULT) || Has(event, EHWPOISON)) {
    call.seen.memory_fault = reason_after == KVM_EXIT_MEMORY_FAULT;
    // Without a note its argument may not have been writable; with an old exit reason nobody knows
    // whether it is the same again.
    call.any_answer = !event.noted || (call.seen.memory_fault && reason_before == reason_after);
  }
  return prefault;
}

// kvm_run::immediate_exit interrupts it as well as a signal.
Translated Run(const VmEvents::Call& of) {
  const TapeEvent& event = *of.taped.event;
  Translated run = Call(event, {.kind = Kind::kRun,
                                .vcpu = static_cast<uint8_t>(of.on.number),
                                .may_be_interrupted = Has(event, EINTR)});
  // What an access of its guest met, of which a recording has no word; none of memory (RUN-22).
  if (Has(event, EHWPOISON) || Has(event, ENOMEM)) run.call.any_answer = true;
  // It had an argument, or fields of kvm_run that nobody knows.
  if (Has(event, EINVAL)) run.call.refused = true;
  return run;
}

Translated EnableCap(const TapeEvent& event) {
  const auto cap = static_cast<int>(event.before[0]);
  if (event.returned && event.ret < 0) return {};
  if (std::count(kCapabilitiesBeyondTheModel.begin(), kCapabilitiesBeyondTheModel.end(), cap) > 0) {
    return Unknown(fmt::format("KVM_ENABLE_CAP of {}: the model has no word for it", cap));
  }
  if (cap != KVM_CAP_DISABLE_QUIRKS2) return {};
  return Call(event, {.kind = Kind::kDisableQuirks, .flags = event.before[2]});
}

Translated DirtyLog(const TapeEvent& event) {
  Translated log =
      Call(event, {.kind = Kind::kGetDirtyLog, .slot = static_cast<uint32_t>(event.before[0])});
  log.call.seen.value = event.after[0];
  // One that could not be handed over left it as it was (DIRTY-05).
  log.call.refused = Has(event, EFAULT);
  return log;
}

Translated GuestMemfd(const TapeEvent& event) {
  if (event.returned && event.ret < 0) return {};
  return Call(event,
              {.kind = Kind::kCreateGuestMemfd, .flags = event.before[1], .size = event.before[0]});
}

std::string NameOf(const TapeEvent& event) {
  const IoctlInfo* info = FindIoctl(event.request);
  return info != nullptr ? fmt::format("KVM_{}", info->name)
                         : fmt::format("ioctl {:#x}", event.request);
}

Translated OfVm(const VmEvents::Call& of) {
  const TapeEvent& event = *of.taped.event;
  switch (event.request) {
    case KVM_SET_USER_MEMORY_REGION:
    case KVM_SET_USER_MEMORY_REGION2:
      return Region(of);
    case KVM_ENABLE_CAP:
      return EnableCap(event);
    case KVM_GET_DIRTY_LOG:
      return DirtyLog(event);
    case KVM_CREATE_GUEST_MEMFD:
      return GuestMemfd(event);
    default:
      break;
  }
  const bool neutral =
      std::find(kNeutralOfVms.begin(), kNeutralOfVms.end(), event.request) != kNeutralOfVms.end();
  // One that does not exist does nothing.
  if (neutral || Has(event, ENOTTY)) return {};
  return Unknown(fmt::format("{} of the VM: the model has no word for it", NameOf(event)));
}

Translated OfVcpu(const VmEvents::Call& of, uint64_t first_signal) {
  const TapeEvent& event = *of.taped.event;
  switch (event.request) {
    case KVM_PRE_FAULT_MEMORY:
      return PreFault(of, first_signal);
    case KVM_RUN:
      return Run(of);
    case KVM_SET_VCPU_EVENTS:
      if ((event.before[0] & KVM_VCPUEVENT_VALID_SMM) == 0 || (event.returned && event.ret < 0)) {
        return {};
      }
      return Call(event, {.kind = Kind::kSetMode,
                          .vcpu = static_cast<uint8_t>(of.on.number),
                          .flags = event.before[1]});
    case KVM_SMI:
      return Unknown("KVM_SMI: the model has no word for it");
    default:
      return {};  // registers, interrupts and the like
  }
}

}  // namespace

Translated Translate(const VmEvents::Call& of, uint64_t first_signal) {
  const TapeEvent& event = *of.taped.event;
  if (of.on.kind == ObjectKind::kGuestMemfd) {
    if (event.request != kKvmSetMemoryAttributes2 || Has(event, ENOTTY)) return {};
    return Unknown("a conversion in place: recordings don't say who holds pages");
  }
  Translated translated = of.on.kind == ObjectKind::kVm ? OfVm(of) : OfVcpu(of, first_signal);
  if (!event.unreadable || translated.what != What::kCall) return translated;
  if (!Has(event, EFAULT)) return Unknown(NameOf(event) + " of an argument that can't be read");
  translated.call.refused = true;
  return translated;
}

}  // namespace kct
