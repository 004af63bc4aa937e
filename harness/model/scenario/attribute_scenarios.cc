// SPDX-License-Identifier: GPL-2.0-only
// KVM_SET_MEMORY_ATTRIBUTES and conversion.
#include "harness/model/scenario/calls.h"

namespace kct::model {
namespace {

constexpr uint64_t kExecutable = 1 << 2;

// A kernel without private memory does not know the call.
KCT_SCENARIO(AttributesAreAbsent, "ATTR-01") {
  world.rules().lacks_attributes = true;
  world.Expect("ATTR-01", Convert(kGpa, 1, 0), "-1 ENOTTY");
}

// Bad arguments are EINVAL; no attributes at all are a legal request on every VM.
KCT_SCENARIO(BadAttributesAreRefused, "ATTR-03", "ATTR-04") {
  world.Expect("ATTR-04", Convert(kGpa, 1, 0), kDone);
  world.Expect("ATTR-03", Convert(kGpa, 1, kPrivate), kInvalid);
  MakeSoftwareProtected(world);
  world.Expect("ATTR-03", WithFlags(Convert(kGpa, 1, kPrivate), 1), kInvalid);
  world.Expect("ATTR-03", Convert(kGpa, 1, kExecutable), kInvalid);
  world.Expect("ATTR-03", Convert(kGpa, 0, kPrivate), kInvalid);
  world.Expect("ATTR-03", WithAddress(Convert(kGpa, 2, kPrivate), ~uint64_t{0} - kPage + 1),
               kInvalid);
  world.Expect("ATTR-03", WithAddress(Convert(kGpa, 1, kPrivate), kGpa + 8), kInvalid);
  world.Expect("ATTR-03", WithSize(Convert(kGpa, 1, kPrivate), 8), kInvalid);
}

// What is set already can be set again.
KCT_SCENARIO(RepeatedAttributesSucceed, "ATTR-06", "ATTR-10") {
  MakeSoftwareProtected(world);
  world.Expect("ATTR-10", Convert(kGpa, 2, kPrivate), kDone);
  world.Expect("ATTR-06", Convert(kGpa, 2, kPrivate), kDone);
}

// Attributes belong to addresses: they need no slot and outlive one.
KCT_SCENARIO(AttributesOutliveSlots, "ATTR-07") {
  MakeSoftwareProtected(world);
  world.Expect("ATTR-07", Convert(kGpa, 16, kPrivate), kDone);
  world.Expect("MEMSLOT-01", DeleteSlot(1), kDone);
  world.Expect("MEMSLOT-01", AddSlot(2, kGpa, 1), kDone);
  world.EnterGuest(0);
  world.Expect("ATTR-07", Read(0, kGpa), kPrivateFault);
}

// A call that finds no memory for its attributes changes none of them.
KCT_SCENARIO(AttributesAreSetAsAWholeOrNotAtAll, "ATTR-08") {
  MakeSoftwareProtected(world);
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  world.EnterGuest(0);
  world.ExpectAnyOf("ATTR-08", MayFault(Convert(kGpa, 2, kPrivate)), {kDone, "-1 ENOMEM"});
  world.Expect("ATTR-08", MayFault(Convert(kGpa + kPage, 1, 0)), kDone);
  world.Choose("ATTR-08", MayFault(Convert(kGpa, 2, kPrivate)), "-1 ENOMEM");
  world.Expect("ATTR-08", Read(0, kGpa), "0, word 0x5");
}

// Kernels up to 6.12 need memory to clear attributes, too, and change nothing without it.
KCT_SCENARIO(OlderKernelsNeedMemoryToClear, "ATTR-08") {
  world.rules().clearing_needs_memory = true;
  MakeSoftwareProtected(world);
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  world.EnterGuest(0);
  world.Expect("ATTR-10", Convert(kGpa, 2, kPrivate), kDone);
  world.ExpectAnyOf("ATTR-08", MayFault(Convert(kGpa, 2, 0)), {kDone, "-1 ENOMEM"});
  world.Choose("ATTR-08", MayFault(Convert(kGpa, 2, 0)), "-1 ENOMEM");
  world.Expect("ATTR-08", Read(0, kGpa), "0, word 0x0");
}

// When the call returned nobody uses the old view, also of a range that was mixed before.
KCT_SCENARIO(NobodyUsesTheOldViewAfterwards, "ATTR-10", "RUN-25") {
  MakeSnp(world, 8);
  FinishSnp(world);
  world.Expect("GMEM-33", HostWrite(kHva + kPage, 5), kDone);
  world.Expect("ATTR-10", Convert(kGpa + kPage, 2, 0), kDone);
  world.EnterGuest(0);
  world.Expect("ATTR-10", Read(0, kGpa + kPage), "0, word 0x5");
  world.Expect("ATTR-10", Convert(kGpa, 3, kPrivate), kDone);
  world.Expect("RUN-25", Read(0, kGpa + kPage), kFault);
  world.Expect("RUN-25", Read(0, kGpa), kFault);
  world.Expect("ATTR-10", Convert(kGpa, 3, 0), kDone);
  world.Expect("ATTR-10", Read(0, kGpa + kPage), "0, word 0x5");
}

// A conversion moves nothing: each kind of memory keeps what it holds.
KCT_SCENARIO(ConversionMovesNoData, "ATTR-11") {
  MakeSoftwareProtected(world);
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  world.EnterGuest(0);
  world.Expect("ATTR-10", Convert(kGpa, 8, kPrivate), kDone);
  world.Expect("ATTR-11", Write(0, kGpa, 9), kWritten);
  world.Expect("ATTR-10", Convert(kGpa, 8, 0), kDone);
  world.Expect("ATTR-11", Read(0, kGpa), "0, word 0x5");
  world.Expect("ATTR-10", Convert(kGpa, 8, kPrivate), kDone);
  world.Expect("ATTR-11", Read(0, kGpa), "0, word 0x9");
}

// Neither a mapping of the guest nor a use by the host stops a conversion, and the host's memory
// stays the host's.
KCT_SCENARIO(UseDoesNotStopAConversion, "ATTR-13") {
  MakeSoftwareProtected(world);
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  world.EnterGuest(0);
  world.Expect("RUN-26", Read(0, kGpa), "0, word 0x5");
  world.Expect("ATTR-13", Convert(kGpa, 1, kPrivate), kDone);
  world.Expect("ATTR-13", HostRead(kHva), "0, word 0x5");
}

// A prefault whose page changes meanwhile maps the page or says so; it never maps the old view.
KCT_SCENARIO(PrefaultMeetsAConversion, "PREFAULT-35", "PREFAULT-33") {
  MakeSoftwareProtected(world);
  world.ExpectRace("PREFAULT-35", {Convert(kGpa, 1, kPrivate), Prefault(kGpa, 1)},
                   Prefault(kGpa, 1), {"0 / 0 / 0", "0 / -1 EFAULT with memory fault / 0"});
  world.Expect("ATTR-10", Convert(kGpa, 1, kPrivate), kDone);
  world.Expect("GMEM-26", CloseFile(0), kDone);
  world.Expect("PREFAULT-33", Prefault(kGpa, 1), kPrivateFault);
}

}  // namespace
}  // namespace kct::model
