// SPDX-License-Identifier: GPL-2.0-only
// SEV-SNP: the launch, the reverse map, page state changes.
#include "harness/model/scenario/calls.h"

namespace kct::model {
namespace {

constexpr uint64_t kMapGpaRangeExit = 1 << 12;
constexpr uint64_t kNormal = KVM_SEV_SNP_PAGE_TYPE_NORMAL;
constexpr uint64_t kZero = KVM_SEV_SNP_PAGE_TYPE_ZERO;

Operation Start() { return WithValue(Call(Kind::kSnpLaunchStart), kPolicy); }
Operation FinishLaunch() { return Call(Kind::kSnpLaunchFinish); }

Operation Update(uint64_t gpa, uint64_t pages, uint64_t type) {
  return {.kind = Kind::kSnpLaunchUpdate,
          .address = gpa,
          .size = pages * kPage,
          .host = kHva,
          .value = type};
}

Operation ChangeState(uint64_t gpa, uint64_t state) {
  return {.kind = Kind::kMapGpaRange, .address = gpa, .size = kPage, .value = state};
}

Operation Answer(uint64_t answer) { return WithValue(OfVcpu(Kind::kAnswerExit, 0), answer); }

// KVM_SEV_INIT2 is for the SEV types, before vCPUs, without flags.
KCT_SCENARIO(SevInitIsForSevTypes, "SNP-04") {
  const Operation init = Call(Kind::kSnpInit);
  world.Expect("SNP-04", init, kInvalid);
  world.rules().vm_type = VmType::kTdx;
  world.Expect("SNP-04", init, kInvalid);
  world.rules().vm_type = VmType::kSnp;
  world.Expect("SNP-04", WithFlags(init, 1), kInvalid);
  world.Expect("SNP-04", OfVcpu(Kind::kCreateVcpu, 0), kDone);
  world.Expect("SNP-04", init, kInvalid);
}

// Once it is an SNP guest the VM takes none of the older commands.
KCT_SCENARIO(SnpGuestTakesSnpCommandsOnly, "SNP-06", "SNP-04") {
  world.rules().vm_type = VmType::kSnp;
  world.Expect("SNP-04", Call(Kind::kSnpInit), kDone);
  world.Expect("SNP-06", Call(Kind::kSnpInit), "-1 EPERM");
}

// LAUNCH_START is for an SNP guest, once, with a policy whose bit 17 is set, and without flags.
KCT_SCENARIO(LaunchStartsOnce, "SNP-08", "SNP-09", "SNP-10") {
  world.rules().vm_type = VmType::kSev;
  world.Expect("SNP-08", Start(), "-1 ENOTTY");
  world.rules().vm_type = VmType::kSnp;
  world.Expect("SNP-08", Start(), "-1 ENOTTY");
  world.Expect("SNP-04", Call(Kind::kSnpInit), kDone);
  world.Expect("SNP-09", WithFlags(Start(), 1), kInvalid);
  world.Expect("SNP-09", WithValue(Start(), 1), kInvalid);
  world.ExpectAnyOf("SNP-10", MayFault(Start()), {kDone, "-1 ENOTTY"});
  world.Expect("SNP-09", Start(), kDone);
  world.Expect("SNP-09", Start(), kInvalid);
}

// LAUNCH_UPDATE comes after LAUNCH_START.
KCT_SCENARIO(UpdateComesAfterStart, "SNP-12") {
  MakeUnstartedSnp(world, 8);
  world.Expect("SNP-12", Update(kGpa, 1, kNormal), kInvalid);
}

// LAUNCH_UPDATE refuses bad arguments before it does a page.
KCT_SCENARIO(UpdateChecksItsArguments, "SNP-13") {
  MakeSnp(world, 8);
  const Operation update = Update(kGpa, 2, kNormal);
  world.Expect("SNP-13", WithSize(update, 0), kInvalid);
  world.Expect("SNP-13", WithSize(update, 100), kInvalid);
  world.Expect("SNP-13", WithFlags(update, 1), kInvalid);
  world.Expect("SNP-13", Update(kGpa, 2, 2), kInvalid);
  world.Expect("SNP-13", WithHost(update, 0), kInvalid);
  world.Expect("SNP-13", WithHost(update, kHva + 8), kInvalid);
  world.Expect("SNP-13", Update(kGpa + 8 * kPage, 2, kNormal), kInvalid);
  world.Expect("SNP-13", WithHost(Update(kGpa, 2, kZero), 0), kDone);
}

// Whatever stops the first page, the answer is EIO.
KCT_SCENARIO(PageThatCantBeDoneIsAnIoError, "SNP-14", "POP-02") {
  MakeSnp(world, 8);
  world.ExpectAnyOf("SNP-14", MayFault(Update(kGpa, 1, kNormal)), {kDone, "-1 EIO"});
  world.ExpectAnyOf("SNP-14", MayBeInterrupted(Update(kGpa, 1, kNormal)), {kDone, "-1 EIO"});
  world.Expect("SNP-14", Update(kGpa, 1, kNormal), kDone);
  world.Expect("SNP-14", Update(kGpa, 1, kNormal), "-1 EIO");
  world.Expect("ATTR-10", Convert(kGpa + kPage, 1, 0), kDone);
  world.Expect("POP-02", Update(kGpa + kPage, 1, kNormal), "-1 EIO");
}

// Pages that were done are success, with the rest written back; the guest finds them filled.
KCT_SCENARIO(UpdateReportsTheRest, "SNP-15") {
  MakeSnp(world, 8);
  world.Expect("ATTR-10", Convert(kGpa + 2 * kPage, 1, 0), kDone);
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  world.Expect("SNP-15", Update(kGpa, 4, kNormal), "0, 0x2000 left");
  FinishSnp(world);
  world.EnterGuest(0);
  world.Expect("SNP-15", PrivateRead(0, kGpa), "0, word 0x5");
}

// One call fills one slot at most.
KCT_SCENARIO(UpdateStopsAtTheEndOfTheSlot, "POP-03") {
  MakeSnp(world, 8);
  world.Expect("GMEM-05", CreateFile(8, 0), kDone);
  world.Expect("MEMSLOT-01", AddFileSlot(2, kGpa + 8 * kPage, 8, 1), kDone);
  world.Expect("ATTR-10", Convert(kGpa + 8 * kPage, 8, kPrivate), kDone);
  world.Expect("POP-03", Update(kGpa + 6 * kPage, 4, kNormal), "0, 0x2000 left");
}

// LAUNCH_FINISH is for an SNP guest whose launch has begun, without flags.
KCT_SCENARIO(FinishComesAfterStart, "SNP-17") {
  world.rules().vm_type = VmType::kSnp;
  world.Expect("SNP-17", FinishLaunch(), "-1 ENOTTY");
  world.Expect("SNP-04", Call(Kind::kSnpInit), kDone);
  world.Expect("SNP-17", FinishLaunch(), kInvalid);
  world.Expect("SNP-09", Start(), kDone);
  world.Expect("SNP-17", WithFlags(FinishLaunch(), 1), kInvalid);
  world.Expect("SNP-17", FinishLaunch(), kDone);
}

// A LAUNCH_FINISH that fails over its id block has encrypted the vCPUs; there is no second try.
KCT_SCENARIO(FailedFinishIsFinal, "SNP-17", "SNP-18") {
  MakeSnp(world, 8);
  world.Expect("SNP-04", OfVcpu(Kind::kCreateVcpu, 0), kDone);
  world.ExpectAnyOf("SNP-17", MayFault(FinishLaunch()), {kDone, "-1 EFAULT"});
  world.Choose("SNP-17", MayFault(FinishLaunch()), "-1 EFAULT");
  world.Expect("SNP-18", FinishLaunch(), kInvalid);
}

// An unfinished launch refuses prefault, a finished one allows it.
KCT_SCENARIO(PrefaultNeedsAFinishedLaunch, "PREFAULT-11", "SNP-19") {
  MakeSnp(world, 8);
  world.Expect("PREFAULT-11", Prefault(kGpa, 8), "-1 EOPNOTSUPP");
  FinishSnp(world);
  world.Expect("SNP-19", Prefault(kGpa, 8), kDone);
}

// A page that the guest has not validated is an exception in the guest, no matter of KVM's.
KCT_SCENARIO(PageIsUsableOnceValidated, "SNP-25") {
  MakeSnp(world, 8);
  FinishSnp(world);
  world.EnterGuest(0);
  world.Expect("SNP-25", PrivateRead(0, kGpa), "0, exception in the guest");
  world.Expect("SNP-25", Accept(0, kGpa, kPage), kDone);
  world.Expect("SNP-25", PrivateWrite(0, kGpa, 7), kWritten);
  world.Expect("SNP-25", PrivateRead(0, kGpa), "0, word 0x7");
}

// PVALIDATE of 4 KiB in an entry of 2 MiB splits the entry; the rest of it stays as it was.
KCT_SCENARIO(SizeMismatchSplitsTheEntry, "SNP-22") {
  world.rules().huge_private_pages = true;
  MakeSnp(world, 512);
  FinishSnp(world);
  world.EnterGuest(0);
  world.Expect("SNP-22", Accept(0, kGpa, kHugePage), kDone);
  world.Expect("SNP-22", Accept(0, kGpa, kPage), kDone);
  world.Expect("SNP-22", PrivateWrite(0, kGpa + kPage, 7), kWritten);
  world.Expect("SNP-22", Accept(0, kGpa, kHugePage), "0, guest told 0x6");
}

// Two vCPUs that meet the same entry of 2 MiB: one splits it, both go on.
KCT_SCENARIO(ConcurrentFaultsOnOneEntryGoOn, "SNP-22", "SNP-23") {
  world.rules().huge_private_pages = true;
  MakeSnp(world, 512);
  FinishSnp(world);
  world.EnterGuest(0);
  world.EnterGuest(1);
  world.Expect("SNP-22", Accept(0, kGpa, kHugePage), kDone);
  world.ExpectRace("SNP-23", {Accept(0, kGpa, kPage), Accept(1, kGpa + kPage, kPage)},
                   Accept(0, kGpa, kPage), {"0 / 0 / 0"});
}

// A fault whose page has become shared meanwhile changes nothing; the access that is repeated is a
// memory fault.
KCT_SCENARIO(RmpFaultOnSharedPageChangesNothing, "SNP-22", "SNP-24") {
  world.rules().huge_private_pages = true;
  MakeSnp(world, 512);
  FinishSnp(world);
  world.EnterGuest(0);
  world.Expect("SNP-22", Accept(0, kGpa, kHugePage), kDone);
  world.ExpectRace("SNP-24", {Accept(0, kGpa, kPage), Convert(kGpa, 1, 0)}, Read(0, kGpa),
                   {"0 / 0 / 0, word 0xdead", kPrivateFault + " / 0 / 0, word 0xdead"});
}

// A change of attributes leaves the page the guest's; a hole in the file takes it.
KCT_SCENARIO(ReverseMapFollowsTheFile, "SNP-25", "GMEM-18") {
  MakeSnp(world, 8);
  FinishSnp(world);
  world.EnterGuest(0);
  world.Expect("SNP-25", Accept(0, kGpa, kPage), kDone);
  world.Expect("SNP-25", PrivateWrite(0, kGpa, 7), kWritten);
  world.Expect("ATTR-10", Convert(kGpa, 1, 0), kDone);
  world.Expect("ATTR-10", Convert(kGpa, 1, kPrivate), kDone);
  world.Expect("SNP-25", PrivateRead(0, kGpa), "0, word 0x7");
  world.Expect("GMEM-17", Punch(0, 0, kPage), kDone);
  world.Expect("GMEM-18", PrivateRead(0, kGpa), "0, exception in the guest");
}

// A page state change is an exit for one page, if the state exists and exits are enabled.
KCT_SCENARIO(PageStateChangeExits, "SNP-27") {
  MakeSnp(world, 8);
  FinishSnp(world);
  world.EnterGuest(0);
  world.Expect("SNP-27", ChangeState(kGpa, 1), "0, guest told 0x1");
  world.Expect("HC-01", WithValue(Call(Kind::kEnableExits), kMapGpaRangeExit), kDone);
  world.Expect("SNP-27", ChangeState(kGpa, 3), "0, guest told 0x1");
  world.Expect("SNP-27", ChangeState(kGpa, 1), "0, exit for 0x100000000, 0x1000 as 0x10");
}

// The answers 0, EINVAL and EAGAIN go to the guest, any other fails KVM_RUN.
KCT_SCENARIO(PageStateChangeIsAnswered, "SNP-30") {
  MakeSnp(world, 8);
  FinishSnp(world);
  world.EnterGuest(0);
  world.Expect("HC-01", WithValue(Call(Kind::kEnableExits), kMapGpaRangeExit), kDone);
  const std::string exit = "0, exit for 0x100000000, 0x1000 as 0x0";
  const auto expect = [&](uint64_t answer, const std::string& outcome) {
    world.Expect("SNP-27", ChangeState(kGpa, 2), exit);
    world.Expect("SNP-30", Answer(answer), outcome);
  };
  expect(0, "0, guest told 0x0");
  expect(11, "0, guest told 0x1");
  expect(22, "0, guest told 0x1");
  expect(5, kInvalid);
}

// Kernels before 7.1 take any answer but 0 for a refusal.
KCT_SCENARIO(OlderKernelsTakeAnyAnswer, "SNP-30") {
  world.rules().answer_is_not_checked = true;
  MakeSnp(world, 8);
  FinishSnp(world);
  world.EnterGuest(0);
  world.Expect("HC-01", WithValue(Call(Kind::kEnableExits), kMapGpaRangeExit), kDone);
  for (const uint64_t answer : {uint64_t{5}, uint64_t{11}}) {
    world.Expect("SNP-27", ChangeState(kGpa, 2), "0, exit for 0x100000000, 0x1000 as 0x0");
    world.Expect("SNP-30", Answer(answer), "0, guest told 0x1");
  }
}

// The exit changes no attribute: that is for user space to do.
KCT_SCENARIO(PageStateChangeConvertsNothing, "SNP-33") {
  MakeSnp(world, 8);
  FinishSnp(world);
  world.EnterGuest(0);
  world.Expect("HC-01", WithValue(Call(Kind::kEnableExits), kMapGpaRangeExit), kDone);
  world.Expect("SNP-27", ChangeState(kGpa, 2), "0, exit for 0x100000000, 0x1000 as 0x0");
  world.Expect("SNP-30", Answer(0), "0, guest told 0x0");
  world.Expect("SNP-33", Read(0, kGpa), kFault);
}

}  // namespace
}  // namespace kct::model
