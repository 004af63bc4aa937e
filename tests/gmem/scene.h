// SPDX-License-Identifier: GPL-2.0-only
// GmemScene: a VM with a guest, a guest_memfd and a slot on it at kHome. At the slot's
// userspace_addr is other memory, so that nobody takes one for the other.
//
//   ASSERT_OK_AND_ASSIGN(GmemScene scene, GmemScene::Make({.pages = 16}));
//   scene.Word(3) = kMark;                       // through a mapping of the file
//   ASSERT_OK_AND_ASSIGN(const uint64_t seen, scene.Read(3));   // by the guest
#pragma once

#include <memory>

#include "harness/kvm/guest_memfd.h"
#include "harness/testing/guest_scene.h"

namespace kct {

inline constexpr uint32_t kSlot = 100;  // far from the ids that Vm hands out
inline constexpr uint64_t kMark = 0x6d61'726b;
inline constexpr uint64_t kOtherMark = 0x6f74'6865'72;

struct GmemOptions {
  uint64_t pages = 4;
  uint64_t flags = GuestMemfd::kShared;
  VmType vm_type = VmType::kDefault;
};

struct GmemScene {
  std::unique_ptr<Vm> owner;  // the machine keeps a reference to the VM
  Vm& vm;
  GuestMachine machine;
  GuestCpu cpu;
  Mapping other;  // at userspace_addr
  GuestMemfd file;
  Mapping memory;  // of the file, where it can be mapped
  GuestMemfdSlot slot;

  static Result<GmemScene> Make(const GmemOptions& options = {}) {
    KCT_TRY(Vm created, Vm::Create(options.vm_type));
    auto vm = std::make_unique<Vm>(std::move(created));
    KCT_TRY(GuestMachine machine, GuestMachine::Create(*vm));
    KCT_TRY(GuestCpu cpu, machine.AddCpu());
    KCT_TRY(Mapping other, Mapping::Anonymous(Pages(options.pages)));
    KCT_TRY(GuestMemfd file, GuestMemfd::Create(*vm, Pages(options.pages), options.flags));
    Mapping memory;
    if ((options.flags & GUEST_MEMFD_FLAG_MMAP) != 0) {
      KCT_TRY(memory, file.Map());
    }
    const GuestMemfdSlot slot(
        *vm, file,
        {.slot = kSlot, .gpa = kHome, .size = file.size(), .userspace_addr = other.hva()});
    const MemoryRegion2Call bound = slot.Bind();
    if (!bound.ok()) return MakeError("setting the scene: {}", bound.Record().ToString());
    Vm& reference = *vm;
    return GmemScene{std::move(vm),    reference,       std::move(machine), std::move(cpu),
                     std::move(other), std::move(file), std::move(memory),  slot};
  }

  uint64_t pages() const { return file.size() / kPage; }
  FileRange PageOf(uint64_t number) const { return {Pages(number).count, kPage}; }
  static Gpa GpaOf(uint64_t number) { return kHome + Pages(number); }
  Hva HvaOf(uint64_t number) const { return memory.hva() + Pages(number); }

  // The first word of a page of the file, for the host.
  HostWord Word(uint64_t number = 0) const { return memory.Word(Pages(number)); }
  void Mark(uint64_t value) const {
    for (uint64_t page = 0; page < pages(); ++page) Word(page) = value;
  }
  // Whether it has this value in all pages.
  bool IsMarked(uint64_t value) const {
    for (uint64_t page = 0; page < pages(); ++page) {
      if (Word(page) != value) return false;
    }
    return true;
  }

  // --- the guest's view; an error if it does not come to the end of its program ---------------
  Result<uint64_t> Read(uint64_t page) { return ReadAt(GpaOf(page)); }
  Result<uint64_t> ReadAt(Gpa gpa) {
    KCT_TRY_STATUS(Do(Program().Read64(gpa)));
    return cpu.result(0).value;
  }
  Status Write(uint64_t page, uint64_t value) { return Do(Program().Write64(GpaOf(page), value)); }
  Status Do(const Program& program) {
    KCT_TRY_STATUS(cpu.Load(program));
    const GuestExit guest_exit = cpu.RunUntilDone();
    if (guest_exit.done()) return {};
    return MakeError("{}: {}", program.ToString(), guest_exit.ToString());
  }
  // How KVM_RUN ends where the guest reads this page.
  GuestExit TryRead(uint64_t page) {
    const Status loaded = cpu.Load(Program().Read64(GpaOf(page)));
    KCT_CHECK(loaded.ok());
    return cpu.Run();
  }

  // A new file in the place of one that was closed and has no slot any more, bound as that was.
  Status Renew() {
    KCT_TRY(file, GuestMemfd::Create(vm, other.size()));
    KCT_TRY(memory, file.Map());
    slot = GuestMemfdSlot(
        vm, file,
        {.slot = kSlot, .gpa = kHome, .size = file.size(), .userspace_addr = other.hva()});
    const MemoryRegion2Call bound = slot.Bind();
    if (bound.ok()) return {};
    return MakeError("setting the scene: {}", bound.Record().ToString());
  }
  // The last close of the file: not even a mapping is left.
  CallRecord CloseFile() {
    memory = Mapping();
    return file.Close();
  }
};

}  // namespace kct
