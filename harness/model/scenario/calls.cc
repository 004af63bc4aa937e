// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/scenario/calls.h"

namespace kct::model {
namespace {

Operation AccessOf(uint8_t vcpu, uint64_t gpa, Access access, uint64_t value) {
  return {.kind = Kind::kAccess,
          .vcpu = vcpu,
          .access = access,
          .address = gpa,
          .size = 8,
          .value = value};
}

// The scenarios' machines have them one at a time, as most VMMs do.
void GivePrivateMemory(World& world, uint64_t pages) {
  world.Expect("GMEM-05", CreateFile(pages, 0), kDone);
  world.Expect("MEMSLOT-01", AddFileSlot(1, kGpa, pages, 0), kDone);
  if (world.rules().in_place_conversion) return;  // the file is private from the start
  world.Expect("ATTR-10", Convert(kGpa, pages, kPrivate), kDone);
}

void HavePrivateMemory(World& world, VmType type) {
  world.rules().vm_type = type;
  world.rules().supported_attributes = kPrivate;
  world.rules().address_spaces = 1;
}

}  // namespace

Operation AddSlot(uint32_t id, uint64_t gpa, uint64_t pages) {
  return {.kind = Kind::kSetRegion,
          .second_version = true,
          .slot = id,
          .address = gpa,
          .size = pages * kPage,
          .host = kHva + (gpa - kGpa)};
}

Operation AddFileSlot(uint32_t id, uint64_t gpa, uint64_t pages, int32_t file) {
  Operation op = AddSlot(id, gpa, pages);
  op.flags = KVM_MEM_GUEST_MEMFD;
  op.gmem = file;
  return op;
}

Operation DeleteSlot(uint32_t id) { return AddSlot(id, kGpa, 0); }

Operation CreateFile(uint64_t pages, uint64_t flags) {
  return {.kind = Kind::kCreateGuestMemfd, .flags = flags, .size = pages * kPage};
}

Operation CloseFile(int32_t file) { return {.kind = Kind::kCloseGuestMemfd, .gmem = file}; }

Operation Punch(int32_t file, uint64_t offset, uint64_t size) {
  return {.kind = Kind::kPunchGuestMemfd, .address = offset, .size = size, .gmem = file};
}

Operation Allocate(int32_t file, uint64_t offset, uint64_t size) {
  return {.kind = Kind::kAllocateGuestMemfd,
          .flags = 1,  // FALLOC_FL_KEEP_SIZE
          .address = offset,
          .size = size,
          .gmem = file};
}

Operation Poison(int32_t file, uint64_t offset) {
  return {.kind = Kind::kPoisonGuestMemfd, .address = offset, .gmem = file};
}

Operation Convert(uint64_t gpa, uint64_t pages, uint64_t attributes) {
  return {.kind = Kind::kSetAttributes, .address = gpa, .size = pages * kPage, .value = attributes};
}

Operation ConvertFile(uint64_t page, uint64_t pages, uint64_t attributes, uint64_t contents) {
  return {.kind = Kind::kConvertGuestMemfd,
          .flags = contents,
          .address = page * kPage,
          .size = pages * kPage,
          .value = attributes,
          .gmem = 0};
}

Operation HoldFile(uint64_t page) { return WithValue(LetGoOfFile(page), 1); }

Operation LetGoOfFile(uint64_t page) {
  return {.kind = Kind::kHoldGuestMemfd, .address = page * kPage, .size = kPage, .gmem = 0};
}

Operation Read(uint8_t vcpu, uint64_t gpa) { return AccessOf(vcpu, gpa, Access::kRead, 0); }

Operation Write(uint8_t vcpu, uint64_t gpa, uint64_t value) {
  return AccessOf(vcpu, gpa, Access::kWrite, value);
}

Operation PrivateRead(uint8_t vcpu, uint64_t gpa) {
  Operation op = Read(vcpu, gpa);
  op.is_private = true;
  return op;
}

Operation PrivateWrite(uint8_t vcpu, uint64_t gpa, uint64_t value) {
  Operation op = Write(vcpu, gpa, value);
  op.is_private = true;
  return op;
}

Operation Emulated(Operation access) {
  access.emulated = true;
  return access;
}

Operation HostRead(uint64_t hva) { return {.kind = Kind::kReadHost, .address = hva}; }

Operation HostWrite(uint64_t hva, uint64_t value) {
  return {.kind = Kind::kWriteHost, .address = hva, .value = value};
}

Operation HostDrop(uint64_t hva, uint64_t pages) {
  return {.kind = Kind::kDropHost, .address = hva, .size = pages * kPage};
}

Operation FileRead(int32_t file, uint64_t offset) {
  return {.kind = Kind::kReadHost, .address = offset, .gmem = file};
}

Operation FileWrite(int32_t file, uint64_t offset, uint64_t value) {
  return {.kind = Kind::kWriteHost, .address = offset, .value = value, .gmem = file};
}

Operation Prefault(uint64_t gpa, uint64_t pages) {
  return {.kind = Kind::kPreFault, .address = gpa, .size = pages * kPage};
}

Operation Accept(uint8_t vcpu, uint64_t gpa, uint64_t size) {
  return {.kind = Kind::kAccept, .vcpu = vcpu, .is_private = true, .address = gpa, .size = size};
}

Operation Call(Kind kind) { return {.kind = kind}; }
Operation OfVcpu(Kind kind, uint8_t vcpu) { return {.kind = kind, .vcpu = vcpu}; }

Operation MayFault(Operation op) {
  op.may_fault = true;
  return op;
}

Operation MayBeInterrupted(Operation op) {
  op.may_be_interrupted = true;
  return op;
}

Operation WithFlags(Operation op, uint64_t flags) {
  op.flags = flags;
  return op;
}

Operation WithValue(Operation op, uint64_t value) {
  op.value = value;
  return op;
}

Operation WithSize(Operation op, uint64_t size) {
  op.size = size;
  return op;
}

Operation WithAddress(Operation op, uint64_t address) {
  op.address = address;
  return op;
}

Operation WithHost(Operation op, uint64_t host) {
  op.host = host;
  return op;
}

void MakeSoftwareProtected(World& world) {
  HavePrivateMemory(world, VmType::kSoftwareProtected);
  world.Expect("GMEM-05", CreateFile(8, 0), kDone);
  world.Expect("MEMSLOT-01", AddFileSlot(1, kGpa, 8, 0), kDone);
}

void MakeUnstartedSnp(World& world, uint64_t pages) {
  HavePrivateMemory(world, VmType::kSnp);
  world.Expect("SNP-04", Call(Kind::kSnpInit), kDone);
  GivePrivateMemory(world, pages);
}

void MakeSnp(World& world, uint64_t pages) {
  MakeUnstartedSnp(world, pages);
  world.Expect("SNP-09", WithValue(Call(Kind::kSnpLaunchStart), kPolicy), kDone);
}

void FinishSnp(World& world) {
  world.Expect("SNP-04", OfVcpu(Kind::kCreateVcpu, 0), kDone);
  world.Expect("SNP-04", OfVcpu(Kind::kCreateVcpu, 1), kDone);
  world.Expect("SNP-19", Call(Kind::kSnpLaunchFinish), kDone);
}

void MakeTd(World& world) {
  HavePrivateMemory(world, VmType::kTdx);
  world.Expect("TDX-06", Call(Kind::kTdxInitVm), kDone);
  world.Expect("TDX-10", OfVcpu(Kind::kCreateVcpu, 0), kDone);
  world.Expect("TDX-11", OfVcpu(Kind::kTdxInitVcpu, 0), kDone);
  GivePrivateMemory(world, 8);
}

void FinishTd(World& world) { world.Expect("TDX-16", Call(Kind::kTdxFinalizeVm), kDone); }

}  // namespace kct::model
