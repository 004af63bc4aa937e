// SPDX-License-Identifier: GPL-2.0-only
// KVM_RUN and its faults.
#include "harness/model/scenario/calls.h"

namespace kct::model {
namespace {

// A private access without a slot is a memory fault, a shared one is MMIO.
KCT_SCENARIO(PrivateAccessWithoutSlotIsAMemoryFault, "RUN-23", "RUN-08", "RUN-03") {
  MakeSoftwareProtected(world);
  world.EnterGuest(0);
  world.Expect("ATTR-10", Convert(kGpa, 8, kPrivate), kDone);
  world.Expect("MEMSLOT-01", DeleteSlot(1), kDone);
  world.Expect("RUN-23", Read(0, kGpa), kPrivateFault);
  world.Expect("RUN-03", Read(0, kGpa), kPrivateFault);
  world.Expect("RUN-08", Read(0, kGpa + 8 * kPage), "0, MMIO");
}

// A private access to a slot without guest_memfd never reaches the host's memory.
KCT_SCENARIO(PrivateAccessNeedsAGuestMemfd, "RUN-24") {
  MakeSoftwareProtected(world);
  world.EnterGuest(0);
  world.Expect("MEMSLOT-01", AddSlot(2, kGpa + 8 * kPage, 1), kDone);
  world.Expect("ATTR-10", Convert(kGpa + 8 * kPage, 1, kPrivate), kDone);
  world.Expect("RUN-24", Read(0, kGpa + 8 * kPage), kPrivateFault);
}

// A prefault of such a page fails in the same way, and so does one whose file was closed.
KCT_SCENARIO(PrefaultNeedsTheGuestMemfd, "PREFAULT-33", "PREFAULT-32") {
  MakeSoftwareProtected(world);
  world.Expect("ATTR-10", Convert(kGpa, 9, kPrivate), kDone);
  world.Expect("PREFAULT-32", Prefault(kGpa, 8), kDone);
  world.Expect("MEMSLOT-01", AddSlot(2, kGpa + 8 * kPage, 1), kDone);
  world.Expect("PREFAULT-33", Prefault(kGpa + 8 * kPage, 1), kPrivateFault);
  world.Expect("GMEM-26", CloseFile(0), kDone);
  world.Expect("PREFAULT-33", Prefault(kGpa, 8), kPrivateFault);
}

// An access that does not fit the page's attribute is reported, with how it was made.
KCT_SCENARIO(MismatchIsReported, "RUN-25", "SNP-21") {
  MakeSnp(world, 8);
  FinishSnp(world);
  world.EnterGuest(0);
  world.Expect("RUN-25", Read(0, kGpa), kFault);
  world.Expect("ATTR-10", Convert(kGpa, 1, 0), kDone);
  world.Expect("RUN-25", PrivateRead(0, kGpa), kPrivateFault);
  world.Expect("SNP-21", PrivateRead(0, kGpa), kPrivateFault);
}

// A software-protected VM takes each access as the attribute says: only a change that comes at the
// same time makes it fail, and then only this once.
KCT_SCENARIO(MismatchOfSoftwareProtectedVmIsARace, "RUN-26", "GMEM-33") {
  MakeSoftwareProtected(world);
  world.EnterGuest(0);
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  world.Expect("RUN-26", Read(0, kGpa), "0, word 0x5");
  world.ExpectRace("RUN-26", {Convert(kGpa, 1, kPrivate), Read(0, kGpa)}, Read(0, kGpa),
                   {"0 / 0, word 0x5 / 0, word 0x0", "0 / 0, word 0x0 / 0, word 0x0",
                    "0 / -1 EFAULT with memory fault / 0, word 0x0"});
}

// Nothing answers for a dead VM.
KCT_SCENARIO(DeadVmAnswersNothing, "RUN-31", "TDX-19") {
  MakeTd(world);
  FinishTd(world);
  world.EnterGuest(0);
  world.Expect("TDX-19", PrivateRead(0, kGpa), "-1 EIO");
  world.Expect("RUN-31", OfVcpu(Kind::kRun, 0), "-1 EIO");
  world.Expect("RUN-31", DeleteSlot(1), "-1 EIO");
  world.Expect("RUN-31", Convert(kGpa, 1, 0), "-1 EIO");
  world.Expect("RUN-31", Prefault(kGpa, 1), "-1 EIO");
}

// A confidential VM runs when it is initialized, a TD when it and its vCPU are.
KCT_SCENARIO(UninitializedVmDoesNotRun, "RUN-30") {
  world.rules().vm_type = VmType::kSnp;
  world.Expect("RUN-30", OfVcpu(Kind::kRun, 0), kInvalid);
  world.Expect("SNP-04", Call(Kind::kSnpInit), kDone);
  world.Expect("RUN-30", OfVcpu(Kind::kRun, 0), kDone);
}

// A TD runs once it is finalized, and those of its vCPUs that were initialized.
KCT_SCENARIO(UnfinalizedTdDoesNotRun, "RUN-30", "TDX-16") {
  MakeTd(world);
  world.Expect("TDX-10", OfVcpu(Kind::kCreateVcpu, 1), kDone);
  world.Expect("RUN-30", OfVcpu(Kind::kRun, 0), kInvalid);
  FinishTd(world);
  world.Expect("RUN-30", OfVcpu(Kind::kRun, 1), kInvalid);
  world.Expect("RUN-30", OfVcpu(Kind::kRun, 0), kDone);
}

}  // namespace
}  // namespace kct::model
