// SPDX-License-Identifier: GPL-2.0-only
// TDX: building a TD, accepting memory, MapGPA.
#include "harness/model/scenario/calls.h"

namespace kct::model {
namespace {

constexpr uint64_t kMapGpaRangeExit = 1 << 12;
constexpr uint64_t kSharedBit = uint64_t{1} << 47;
constexpr uint64_t kChunk = uint64_t{2} << 20;

Operation InitVm() { return Call(Kind::kTdxInitVm); }
Operation Finalize() { return Call(Kind::kTdxFinalizeVm); }

Operation AddRegion(uint64_t gpa, uint64_t pages) {
  return {.kind = Kind::kTdxInitMemRegion, .address = gpa, .size = pages * kPage, .host = kHva};
}

Operation MapGpa(uint64_t gpa, uint64_t size) {
  return {.kind = Kind::kMapGpaRange, .is_private = true, .address = gpa, .size = size};
}

Operation Answer(uint64_t answer) { return WithValue(OfVcpu(Kind::kAnswerExit, 0), answer); }

void HaveExits(World& world) {
  MakeTd(world);
  FinishTd(world);
  world.Expect("HC-01", WithValue(Call(Kind::kEnableExits), kMapGpaRangeExit), kDone);
  world.EnterGuest(0);
}

// KVM_TDX_INIT_VM comes once, without flags, with 256 CPUID entries at most.
KCT_SCENARIO(TdIsInitializedOnce, "TDX-06", "TDX-07", "TDX-08") {
  world.rules().vm_type = VmType::kTdx;
  world.Expect("TDX-07", WithFlags(InitVm(), 1), kInvalid);
  world.Expect("TDX-08", WithSize(InitVm(), 257), "-1 E2BIG");
  world.Expect("TDX-06", WithSize(InitVm(), 256), kDone);
  world.Expect("TDX-06", InitVm(), kInvalid);
}

// A TD gets its vCPUs between KVM_TDX_INIT_VM and KVM_TDX_FINALIZE_VM.
KCT_SCENARIO(VcpuNeedsAnInitializedTd, "TDX-10") {
  world.rules().vm_type = VmType::kTdx;
  world.Expect("TDX-10", OfVcpu(Kind::kCreateVcpu, 0), "-1 EIO");
  world.Expect("TDX-06", InitVm(), kDone);
  world.Expect("TDX-10", OfVcpu(Kind::kCreateVcpu, 0), kDone);
}

// KVM_TDX_INIT_VCPU comes once for each vCPU, without flags, before the TD is finalized.
KCT_SCENARIO(VcpuIsInitializedOnce, "TDX-11") {
  world.rules().vm_type = VmType::kTdx;
  const Operation init = OfVcpu(Kind::kTdxInitVcpu, 0);
  world.Expect("TDX-11", init, kInvalid);
  world.Expect("TDX-06", InitVm(), kDone);
  world.Expect("TDX-11", WithFlags(init, 1), kInvalid);
  world.Expect("TDX-11", init, kDone);
  world.Expect("TDX-11", init, kInvalid);
  world.Expect("TDX-16", Finalize(), kDone);
  world.Expect("TDX-11", OfVcpu(Kind::kTdxInitVcpu, 1), kInvalid);
}

// KVM_TDX_INIT_MEM_REGION is for an initialized vCPU of a TD that is not finalized.
KCT_SCENARIO(RegionComesBetweenVcpuAndFinalize, "TDX-12") {
  MakeTd(world);
  Operation other = AddRegion(kGpa, 1);
  other.vcpu = 1;
  world.Expect("TDX-12", other, kInvalid + ", 0x1000 left");
  world.Expect("TDX-12", AddRegion(kGpa, 1), kDone);
  FinishTd(world);
  world.Expect("TDX-12", WithAddress(AddRegion(kGpa, 1), kGpa + kPage), kInvalid + ", 0x1000 left");
}

// … and refuses bad arguments before it does a page.
KCT_SCENARIO(RegionChecksItsArguments, "TDX-13") {
  MakeTd(world);
  const Operation region = AddRegion(kGpa, 2);
  world.Expect("TDX-13", WithFlags(region, 2), kInvalid + ", 0x2000 left");
  world.Expect("TDX-13", WithHost(region, 0), kInvalid + ", 0x2000 left");
  world.Expect("TDX-13", WithHost(region, kHva + 8), kInvalid + ", 0x2000 left");
  world.Expect("TDX-13", AddRegion(kGpa + 8, 2), kInvalid + ", 0x2000 left");
  world.Expect("TDX-13", AddRegion(kGpa | kSharedBit, 2), kInvalid + ", 0x2000 left");
  world.Expect("TDX-13", AddRegion(kGpa, 0), kInvalid);
  world.Expect("GMEM-05", CreateFile(1, 0), kDone);
  world.Expect("MEMSLOT-01", WithHost(AddFileSlot(2, kSharedBit - kPage, 1, 1), kHva), kDone);
  world.Expect("ATTR-10", Convert(kSharedBit - kPage, 1, kPrivate), kDone);
  world.Expect("TDX-13", AddRegion(kSharedBit - kPage, 2), kInvalid + ", 0x2000 left");
  world.Expect("TDX-13", region, kDone);
}

// A page that is not private, or that was added before, fails with its own errno.
KCT_SCENARIO(RegionSaysWhyAPageFails, "TDX-14", "POP-02") {
  MakeTd(world);
  world.Expect("ATTR-10", Convert(kGpa + kPage, 1, 0), kDone);
  world.Expect("POP-02", AddRegion(kGpa + kPage, 1), kInvalid + ", 0x1000 left");
  world.Expect("TDX-14", AddRegion(kGpa, 1), kDone);
  world.Expect("TDX-14", AddRegion(kGpa, 1), "-1 EIO, 0x1000 left");
  world.ExpectAnyOf("TDX-14", MayFault(AddRegion(kGpa + 2 * kPage, 1)),
                    {kDone, "-1 EFAULT, 0x1000 left"});
}

// A failure after progress is a failure, and what is left is written back.
KCT_SCENARIO(RegionReportsTheRestOfAFailure, "TDX-15") {
  MakeTd(world);
  world.Expect("ATTR-10", Convert(kGpa + 2 * kPage, 1, 0), kDone);
  world.Expect("TDX-15", AddRegion(kGpa, 4), kInvalid + ", 0x2000 left");
}

// A TD is finalized once, after it was initialized.
KCT_SCENARIO(TdIsFinalizedOnce, "TDX-16") {
  world.rules().vm_type = VmType::kTdx;
  world.Expect("TDX-16", Finalize(), kInvalid);
  world.Expect("TDX-06", InitVm(), kDone);
  world.Expect("TDX-16", Finalize(), kDone);
  world.Expect("TDX-16", Finalize(), kInvalid);
}

// An unfinished TD refuses prefault; a GPA with the shared bit is never one to prefault.
KCT_SCENARIO(PrefaultNeedsAFinalizedTd, "PREFAULT-11", "PREFAULT-14") {
  MakeTd(world);
  world.Expect("PREFAULT-11", Prefault(kGpa, 1), "-1 EOPNOTSUPP");
  FinishTd(world);
  world.Expect("PREFAULT-14", Prefault(kGpa | kSharedBit, 1), kInvalid);
  world.Expect("PREFAULT-11", Prefault(kGpa, 1), kDone);
}

// Commands that change the TD wait for its vCPUs.
KCT_SCENARIO(StateCommandsWaitForVcpus, "TDX-18") {
  MakeTd(world);
  FinishTd(world);
  world.EnterGuest(0);
  world.Expect("TDX-18", Finalize(), "hangs");
  world.Expect("TDX-18", OfVcpu(Kind::kTdxInitVcpu, 1), "hangs");
  world.LeaveGuest(0);
  world.Expect("TDX-18", OfVcpu(Kind::kTdxInitVcpu, 1), kInvalid);
}

// The guest finds the initial image; other pages it has to accept before it touches them.
KCT_SCENARIO(InitialImageNeedsNoAcceptance, "TDX-14", "TDX-19") {
  MakeTd(world);
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  world.Expect("TDX-14", AddRegion(kGpa, 1), kDone);
  FinishTd(world);
  world.EnterGuest(0);
  world.Expect("TDX-14", PrivateRead(0, kGpa), "0, word 0x5");
  world.Expect("TDX-19", Accept(0, kGpa + kPage, kPage), kDone);
  world.Expect("TDX-19", PrivateWrite(0, kGpa + kPage, 7), kWritten);
  world.Expect("TDX-19", PrivateRead(0, kGpa + 2 * kPage), "-1 EIO");
}

// A prefault maps the page, and accepts nothing.
KCT_SCENARIO(PrefaultAcceptsNothing, "TDX-19") {
  MakeTd(world);
  FinishTd(world);
  world.Expect("TDX-19", Prefault(kGpa, 1), kDone);
  world.EnterGuest(0);
  world.Expect("TDX-19", PrivateRead(0, kGpa), "-1 EIO");
}

// What a punch has taken has to be accepted again.
KCT_SCENARIO(PunchedPageHasToBeAcceptedAgain, "GMEM-18", "TDX-19") {
  MakeTd(world);
  FinishTd(world);
  world.EnterGuest(0);
  world.Expect("TDX-19", Accept(0, kGpa, kPage), kDone);
  world.Expect("GMEM-17", Punch(0, 0, kPage), kDone);
  world.Expect("GMEM-18", PrivateRead(0, kGpa), "-1 EIO");
}

// What was shared meanwhile has to be accepted again.
KCT_SCENARIO(ConvertedPageHasToBeAcceptedAgain, "TDX-32", "TDX-19") {
  MakeTd(world);
  FinishTd(world);
  world.EnterGuest(0);
  world.Expect("TDX-19", Accept(0, kGpa, kPage), kDone);
  world.Expect("ATTR-10", Convert(kGpa, 1, 0), kDone);
  world.Expect("ATTR-10", Convert(kGpa, 1, kPrivate), kDone);
  world.Expect("TDX-32", PrivateRead(0, kGpa), "-1 EIO");
}

// Deleting a slot takes its private pages from the TD.
KCT_SCENARIO(DeletedSlotLosesItsPrivatePages, "MEMSLOT-43") {
  MakeTd(world);
  FinishTd(world);
  world.EnterGuest(0);
  world.Expect("TDX-19", Accept(0, kGpa, kPage), kDone);
  world.Expect("MEMSLOT-01", DeleteSlot(1), kDone);
  world.Expect("MEMSLOT-01", AddFileSlot(1, kGpa, 8, 0), kDone);
  world.Expect("MEMSLOT-43", PrivateRead(0, kGpa), "-1 EIO");
}

// A private fault whose slot is being deleted ends in a memory fault; neither of the two hangs.
KCT_SCENARIO(PrivateFaultLeavesADyingSlot, "TDX-22") {
  MakeTd(world);
  FinishTd(world);
  world.EnterGuest(0);
  world.ExpectRace("TDX-22", {Accept(0, kGpa, kPage), DeleteSlot(1)}, PrivateRead(0, kGpa),
                   {"0 / 0 / " + kPrivateFault, kPrivateFault + " / 0 / " + kPrivateFault});
}

// A MapGPA that makes no sense is answered in the guest.
KCT_SCENARIO(BadMapGpaIsAnsweredInTheGuest, "TDX-23") {
  HaveExits(world);
  world.Expect("TDX-23", MapGpa(kGpa, 0), "0, guest told 0x8000000000000000 at 0x100000000");
  world.Expect("TDX-23", MapGpa(kGpa + 8, kPage),
               "0, guest told 0x8000000000000002 at 0x100000008");
}

// MapGPA is an exit for each 2 MiB; an answer of 0 goes on with the next.
KCT_SCENARIO(MapGpaExitsForEachChunk, "TDX-24") {
  HaveExits(world);
  world.Expect("TDX-24", MapGpa(kGpa, kChunk + kPage), "0, exit for 0x100000000, 0x200000 as 0x10");
  world.Expect("TDX-24", Answer(0), "0, exit for 0x100200000, 0x1000 as 0x10");
  world.Expect("TDX-24", Answer(0), "0, guest told 0x0");
}

// An answer that refuses tells the guest where to go on; one that does not exist fails KVM_RUN.
KCT_SCENARIO(MapGpaIsAnswered, "TDX-25") {
  HaveExits(world);
  const std::string exit = "0, exit for 0x100000000, 0x200000 as 0x10";
  world.Expect("TDX-24", MapGpa(kGpa, 2 * kChunk), exit);
  world.ExpectAnyOf(
      "TDX-25", MayBeInterrupted(Answer(0)),
      {"0, exit for 0x100200000, 0x200000 as 0x10", "0, guest told 0x1 at 0x100200000"});
  world.Expect("TDX-25", Answer(11), "0, guest told 0x1 at 0x100000000");
  world.Expect("TDX-24", MapGpa(kGpa, 2 * kChunk), exit);
  world.Expect("TDX-25", Answer(22), "0, guest told 0x8000000000000000 at 0x100000000");
  world.Expect("TDX-24", MapGpa(kGpa, 2 * kChunk), exit);
  world.Expect("TDX-25", Answer(5), kInvalid);
}

}  // namespace
}  // namespace kct::model
