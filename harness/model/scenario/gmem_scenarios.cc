// SPDX-License-Identifier: GPL-2.0-only
// guest_memfd: creation, binding, what host and guest find, holes, poison, the last close.
#include "harness/model/scenario/calls.h"

namespace kct::model {
namespace {

constexpr uint64_t kUnknownFlag = 1 << 5;

void BindFile(World& world, uint64_t flags) {
  world.Expect("GMEM-05", CreateFile(8, flags), kDone);
  world.Expect("MEMSLOT-01", AddFileSlot(1, kGpa, 8, 0), kDone);
  world.EnterGuest(0);
}

// A kernel without guest_memfd does not know the call.
KCT_SCENARIO(GuestMemfdIsAbsent, "GMEM-02") {
  world.rules().guest_memfd = false;
  world.Expect("GMEM-02", CreateFile(8, 0), "-1 ENOTTY");
}

// Flags outside of what the VM offers are refused: a VM with private memory has no shared files.
KCT_SCENARIO(FlagsThatAreNotOfferedAreRefused, "GMEM-04") {
  world.Expect("GMEM-04", CreateFile(8, kUnknownFlag), kInvalid);
  world.rules().vm_type = VmType::kSoftwareProtected;
  world.Expect("GMEM-04", CreateFile(8, kSharedFile), kInvalid);
}

// Each combination of the offered flags makes a file.
KCT_SCENARIO(OfferedFlagsAreAccepted, "GMEM-04", "GMEM-05") {
  for (const uint64_t flags : {uint64_t{0}, kMappable, kSharedFile ^ kMappable, kSharedFile}) {
    world.Expect("GMEM-05", CreateFile(8, flags), kDone);
  }
  world.Expect("GMEM-04", CreateFile(8, kSharedFile + 1), kInvalid);
}

// A file has a positive size of whole pages, as large as a signed number allows.
KCT_SCENARIO(FileSizeIsPositiveAndAligned, "GMEM-06") {
  const Operation file = CreateFile(1, 0);
  world.Expect("GMEM-06", WithSize(file, 0), kInvalid);
  world.Expect("GMEM-06", WithSize(file, 100), kInvalid);
  world.Expect("GMEM-06", WithSize(file, uint64_t{1} << 63), kInvalid);
  world.Expect("GMEM-06", WithSize(file, (uint64_t{1} << 63) - kPage), kDone);
}

// The host reaches pages inside a shared file only.
KCT_SCENARIO(HostReachesSharedPagesInsideTheFile, "GMEM-12", "GMEM-33", "GMEM-05") {
  world.Expect("GMEM-05", CreateFile(8, kSharedFile), kDone);
  world.Expect("GMEM-33", FileWrite(0, kPage, 7), kDone);
  world.Expect("GMEM-33", FileRead(0, kPage), "0, word 0x7");
  world.Expect("GMEM-12", FileRead(0, 8 * kPage), "-1 EFAULT");
  world.Expect("GMEM-12", FileWrite(0, 8 * kPage, 7), "-1 EFAULT");
  world.Expect("GMEM-05", CreateFile(8, kMappable), kDone);
  world.Expect("GMEM-12", FileRead(1, 0), "-1 EFAULT");
  world.Expect("GMEM-12", FileWrite(1, 0, 7), "-1 EFAULT");
}

// A mappable file that is not shared serves the guest, and the host is kept out.
KCT_SCENARIO(PrivateFileServesTheGuestOnly, "GMEM-32") {
  BindFile(world, kMappable);
  world.Expect("GMEM-32", Write(0, kGpa, 7), kWritten);
  world.Expect("GMEM-32", Read(0, kGpa), "0, word 0x7");
  world.Expect("GMEM-32", FileRead(0, 0), "-1 EFAULT");
}

// Who uses a page first finds zeros, the host or the guest.
KCT_SCENARIO(FreshPageIsZero, "GMEM-13") {
  BindFile(world, kSharedFile);
  world.Expect("GMEM-13", Read(0, kGpa), "0, word 0x0");
  world.Expect("GMEM-13", FileRead(0, kPage), "0, word 0x0");
}

// fallocate knows one mode besides punching, whole pages, and the size of the file.
KCT_SCENARIO(AllocationKeepsTheSize, "GMEM-15") {
  world.Expect("GMEM-05", CreateFile(8, kSharedFile), kDone);
  world.Expect("GMEM-15", Allocate(0, 0, 8 * kPage), kDone);
  world.Expect("GMEM-15", WithFlags(Allocate(0, 0, kPage), 0), "-1 EOPNOTSUPP");
  world.Expect("GMEM-15", Allocate(0, 1, kPage), kInvalid);
  world.Expect("GMEM-15", Allocate(0, 7 * kPage, 2 * kPage), kInvalid);
  world.Expect("GMEM-15", Punch(0, 1, kPage), kInvalid);
  world.Expect("GMEM-15", Punch(0, 7 * kPage, 2 * kPage), kDone);
}

// A signal may stop an allocation.
KCT_SCENARIO(SignalStopsAllocation, "GMEM-15", "GMEM-16") {
  world.Expect("GMEM-05", CreateFile(8, kSharedFile), kDone);
  world.ExpectAnyOf("GMEM-16", MayBeInterrupted(Allocate(0, 0, 8 * kPage)), {kDone, "-1 EINTR"});
  world.Expect("GMEM-15", Allocate(0, 8 * kPage, kPage), kInvalid);
}

// After a punch neither side finds what was there; other pages keep it.
KCT_SCENARIO(PunchedPageIsGoneForBothSides, "GMEM-17", "GMEM-33") {
  BindFile(world, kSharedFile);
  world.Expect("GMEM-33", Write(0, kGpa, 7), kWritten);
  world.Expect("GMEM-33", Write(0, kGpa + kPage, 8), kWritten);
  world.Expect("GMEM-33", FileRead(0, 0), "0, word 0x7");
  world.Expect("GMEM-17", Punch(0, 0, kPage), kDone);
  world.Expect("GMEM-17", Read(0, kGpa), "0, word 0x0");
  world.Expect("GMEM-17", FileRead(0, 0), "0, word 0x0");
  world.Expect("GMEM-33", Read(0, kGpa + kPage), "0, word 0x8");
}

// A read while the page is being punched finds the old page or none, and none from then on.
KCT_SCENARIO(ReadDuringPunchIsOldOrZero, "GMEM-17") {
  BindFile(world, kSharedFile);
  world.Expect("GMEM-33", FileWrite(0, 0, 7), kDone);
  world.ExpectRace("GMEM-17", {Punch(0, 0, kPage), Read(0, kGpa)}, Read(0, kGpa),
                   {"0 / 0, word 0x7 / 0, word 0x0", "0 / 0, word 0x0 / 0, word 0x0"});
  world.ExpectRace("GMEM-17", {Punch(0, 0, kPage), FileRead(0, 0)}, Read(0, kGpa),
                   {"0 / 0, word 0x7 / 0, word 0x0", "0 / 0, word 0x0 / 0, word 0x0"});
}

// A slot takes an open guest_memfd of its own VM.
KCT_SCENARIO(SlotNeedsAFileOfItsVm, "GMEM-19") {
  world.Expect("GMEM-19", AddFileSlot(1, kGpa, 8, 3), "-1 EBADF");
  world.Expect("GMEM-19", AddFileSlot(1, kGpa, 8, -2), kInvalid);
  world.Expect("GMEM-05", CreateFile(8, kSharedFile), kDone);
  world.Expect("GMEM-26", CloseFile(0), kDone);
  world.Expect("GMEM-19", AddFileSlot(1, kGpa, 8, 0), "-1 EBADF");
}

// The range of a slot lies in its file, and an overlap in guest memory is named before the file.
KCT_SCENARIO(SlotLiesInsideTheFile, "GMEM-20", "GMEM-24") {
  world.Expect("GMEM-05", CreateFile(8, kSharedFile), kDone);
  Operation slot = AddFileSlot(1, kGpa, 4, 0);
  slot.gmem_offset = 100;
  world.Expect("GMEM-20", slot, kInvalid);
  slot.gmem_offset = ~uint64_t{0} - 4 * kPage + 1;
  world.Expect("GMEM-20", slot, kInvalid);
  slot.gmem_offset = 5 * kPage;
  world.Expect("GMEM-20", slot, kInvalid);
  slot.gmem_offset = 4 * kPage;
  world.Expect("GMEM-20", slot, kDone);
  world.Expect("GMEM-24", AddFileSlot(2, kGpa, 4, 3), "-1 EEXIST");
}

// A page of a file is in one slot at most, until that slot is deleted.
KCT_SCENARIO(FilePageIsInOneSlot, "GMEM-21") {
  BindFile(world, kSharedFile);
  world.Expect("GMEM-21", AddFileSlot(2, kGpa + 8 * kPage, 8, 0), "-1 EEXIST");
  world.Expect("MEMSLOT-01", DeleteSlot(1), kDone);
  world.Expect("GMEM-21", AddFileSlot(2, kGpa + 8 * kPage, 8, 0), kDone);
}

// What was written to a file is there when it is bound again.
KCT_SCENARIO(ContentsOutliveTheSlot, "GMEM-25") {
  BindFile(world, kSharedFile);
  world.Expect("GMEM-33", Write(0, kGpa, 7), kWritten);
  world.Expect("MEMSLOT-01", DeleteSlot(1), kDone);
  world.Expect("GMEM-25", AddFileSlot(2, kGpa + 8 * kPage, 8, 0), kDone);
  world.Expect("GMEM-25", Read(0, kGpa + 8 * kPage), "0, word 0x7");
}

// The last close takes the memory from under the slot, which can still be deleted.
KCT_SCENARIO(SlotDoesNotKeepItsFile, "GMEM-26", "RUN-20") {
  BindFile(world, kSharedFile);
  world.Expect("GMEM-33", Write(0, kGpa, 7), kWritten);
  world.Expect("GMEM-26", CloseFile(0), kDone);
  world.Expect("RUN-20", Read(0, kGpa), kFault);
  world.Expect("GMEM-26", DeleteSlot(1), kDone);
}

// A mappable file is what the guest finds, whatever is at userspace_addr.
KCT_SCENARIO(MappableFileBacksAllAccesses, "GMEM-29") {
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  BindFile(world, kSharedFile);
  world.Expect("GMEM-33", FileWrite(0, 0, 7), kDone);
  world.Expect("GMEM-29", Read(0, kGpa), "0, word 0x7");
}

// KVM's own accesses find userspace_addr.
KCT_SCENARIO(EmulatorUsesHostMemory, "GMEM-30") {
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  BindFile(world, kSharedFile);
  world.Expect("GMEM-33", FileWrite(0, 0, 7), kDone);
  world.Expect("GMEM-30", Emulated(Read(0, kGpa)), "0, word 0x5");
}

// A file that is not mappable is bound to a default VM and not used.
KCT_SCENARIO(InertFileIsNotUsed, "GMEM-31") {
  world.Expect("GMEM-33", HostWrite(kHva, 5), kDone);
  BindFile(world, 0);
  world.Expect("GMEM-31", Read(0, kGpa), "0, word 0x5");
}

// A poisoned page is kept from the guest until it is punched; madvise says EBUSY and did its work.
KCT_SCENARIO(PoisonedPageIsKeptUntilPunched, "GMEM-35", "RUN-21") {
  BindFile(world, kSharedFile);
  world.Expect("GMEM-33", Write(0, kGpa, 7), kWritten);
  world.Expect("GMEM-35", Poison(0, 0), "-1 EBUSY");
  world.Expect("RUN-21", Read(0, kGpa), "-1 EHWPOISON with memory fault");
  world.Expect("GMEM-35", Read(0, kGpa), "-1 EHWPOISON with memory fault");
  world.Expect("GMEM-35", Punch(0, 0, kPage), kDone);
  world.Expect("GMEM-35", Read(0, kGpa), "0, word 0x0");
}

// A prefault stops at a page that has failed, with the errno of the page.
KCT_SCENARIO(PrefaultStopsAtPoison, "PREFAULT-34", "GMEM-37") {
  BindFile(world, kSharedFile);
  world.LeaveGuest(0);
  world.Expect("GMEM-37", Prefault(kGpa, 8), kDone);
  world.Expect("GMEM-35", Poison(0, kPage), "-1 EBUSY");
  world.Expect("PREFAULT-34", Prefault(kGpa, 8), "0 with memory fault, 0x7000 left");
  world.Expect("PREFAULT-34", Prefault(kGpa + kPage, 1), "-1 EHWPOISON with memory fault");
}

}  // namespace
}  // namespace kct::model
