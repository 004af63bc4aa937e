// SPDX-License-Identifier: GPL-2.0-only
// NestedStage: a stage whose vCPUs may run a hypervisor, which runs an inner guest with nested
// paging. The inner guest is the interpreter as well: programs, results, exits are as ever, and its
// hypercalls are served by the hypervisor (guest/svm.h). Its window shows what the stage's
// directory leads to, here as an entry of the hypervisor's nested tables:
//
//   inner guest:   kWindow ── kWindowPointers ── kWindowDirectory ── kInnerWindow, of its physical
//   hypervisor:    kNestedRoot ── kNestedPointers ── kDirectory ── kTable ── kData
//                                                                  kOtherTable ── kOtherData
//
// The rest of the inner guest's memory is the hypervisor's: [0, 2 MiB), and 2 MiB from kHome on.
#pragma once

#include "guest/svm.h"
#include "harness/guest/image.h"
#include "tests/shadow/stage.h"

namespace kct {

using guest::HypervisorCall;

// Where the inner guest's physical memory has what the window shows.
inline constexpr Gpa kInnerWindow = 5_GiB_gpa;

// Where tests put a second slot.
inline constexpr Gpa kElsewhere = 2_GiB_gpa;

// Further pages of the slot; of the last two one each for a vCPU.
inline constexpr uint64_t kNestedRoot = 8, kNestedPointers = 9, kLowDirectory = 10,
                          kHomeDirectory = 11, kWindowPointers = 12, kWindowDirectory = 13,
                          kHypervisor = 14, kControlBlocks = 16, kHostStates = 24,
                          kNestedPages = 32;
// An entry that maps 2 MiB.
inline constexpr uint64_t kHugeFlags = kEntryFlags | 1 << 7;
// What the hypervisor runs its guest with first.
inline constexpr uint64_t kFirstAsid = 1;

// Of a program for the inner guest: the hypervisor serves this call.
inline Program& Ask(Program& program, HypervisorCall call, uint64_t a0 = 0, uint64_t a1 = 0) {
  return program.Hypercall(static_cast<uint64_t>(call), a0, a1);
}

struct NestedStage : Stage {
  static Result<NestedStage> Make(uint64_t pages = kNestedPages) {
    KCT_TRY(Stage made, Stage::Make({.pages = pages}));
    NestedStage stage{std::move(made)};
    const auto image = HypervisorImage();
    KCT_CHECK(image.size() <= kPage.count);
    for (uint64_t i = 0; i < image.size(); ++i) {
      stage.At<std::byte>(kHypervisor, {i}) = image[i];
    }
    stage.Write(kNestedRoot, 0, EntryOf(kNestedPointers));
    stage.Write(kNestedPointers, 0, EntryOf(kLowDirectory));
    stage.Write(kLowDirectory, 0, kHugeFlags);
    stage.Write(kNestedPointers, kHome.value >> 30, EntryOf(kHomeDirectory));
    stage.Write(kHomeDirectory, 0, kHome.value | kHugeFlags);
    stage.Write(kNestedPointers, kInnerWindow.value >> 30, EntryOf(kDirectory));
    stage.Write(kWindowPointers, 0, EntryOf(kWindowDirectory));
    stage.Write(kWindowDirectory, 0, kInnerWindow.value | kHugeFlags);
    stage.Enter(EntryOf(kWindowPointers));
    return stage;
  }

  // Makes `program` the next thing that the inner guest of `vcpu` does, which begins with VMRUN.
  Status LoadInner(GuestCpu& vcpu, const Program& program) const {
    KCT_TRY_STATUS(vcpu.Load(program));
    KCT_TRY(kvm_sregs sregs, vcpu.vcpu().GetSregs());
    KCT_TRY(kvm_regs regs, vcpu.vcpu().GetRegs());
    sregs.efer |= kSvme;
    FillControlBlock(vcpu.id(), sregs, regs);
    regs.rip = PageAt(kHypervisor).value;
    regs.rbx = PageAt(ControlBlock(vcpu.id())).value;
    regs.rsi = PageAt(kHostStates + static_cast<uint64_t>(vcpu.id())).value;
    KCT_TRY_STATUS(vcpu.vcpu().SetSregs(sregs));
    return vcpu.vcpu().SetRegs(regs);
  }

  // As those of a stage, of the inner guest.
  Status LoadReader(const Program& program) { return LoadInner(cpu, program); }
  static Program& Flush(Program& program) { return Ask(program, HypervisorCall::kFlush); }

  // A slot of its own for what the window shows, page by page, each with its mark.
  Result<Memslot> AddData(uint64_t pages, uint32_t flags = 0) {
    KCT_TRY(Memslot data, vm.AddMemslot({.gpa = kElsewhere, .size = Pages(pages), .flags = flags}));
    for (uint64_t page = 0; page < pages; ++page) {
      data.memory().Word(Pages(page)) = MarkOf(page);
      Write(kTable, page, (data.gpa() + Pages(page)).value | kEntryFlags);
    }
    return data;
  }

  // A nested page fault, as the hypervisor of `vcpu` has found it when it last left for its port.
  struct NestedFault {
    uint64_t exit_code, error, address;
  };
  NestedFault LastNestedFault(const GuestCpu& vcpu) const {
    const auto word = [&](uint64_t at) { return At<uint64_t>(ControlBlock(vcpu.id()), {at}) + 0; };
    return {word(GUEST_VMCB_EXIT_CODE), word(GUEST_VMCB_EXIT_INFO_1), word(GUEST_VMCB_EXIT_INFO_2)};
  }
  // The next VMRUN of the hypervisor of `vcpu`, which is not in its guest now, flushes everything.
  void FlushAtNextVmrun(const GuestCpu& vcpu) const {
    At<uint8_t>(ControlBlock(vcpu.id()), {GUEST_VMCB_TLB_CONTROL}) = GUEST_VMCB_FLUSH_ALL;
  }

 private:
  static constexpr uint64_t kSvme = 1 << 12;  // of EFER

  explicit NestedStage(Stage stage) : Stage(std::move(stage)) {}

  static uint64_t ControlBlock(int vcpu) { return kControlBlocks + static_cast<uint64_t>(vcpu); }

  template <typename T>
  volatile T& At(uint64_t page, Bytes at) const {
    return slot.memory().At<T>(Pages(page) + at);
  }

  // The inner guest begins with these registers.
  void FillControlBlock(int vcpu, const kvm_sregs& sregs, const kvm_regs& regs) const {
    const auto set = [&](uint64_t at, auto value) {
      At<decltype(value)>(ControlBlock(vcpu), {at}) = value;
    };
    const auto set_segment = [&](uint64_t at, const kvm_segment& segment) {
      set(at, uint16_t{segment.selector});
      set(at + 2, static_cast<uint16_t>(segment.type | segment.s << 4 | segment.dpl << 5 |
                                        segment.present << 7 | segment.l << 9 | segment.db << 10 |
                                        segment.g << 11));
      set(at + 4, uint32_t{segment.limit});
      set(at + 8, uint64_t{segment.base});
    };
    for (uint64_t at = 0; at < kPage.count; at += 8) set(at, uint64_t{0});
    constexpr uint32_t kInterceptVmrun = 1 << 0, kInterceptVmmcall = 1 << 1;
    set(0x10, kInterceptVmrun | kInterceptVmmcall);
    set(GUEST_VMCB_ASID, static_cast<uint32_t>(kFirstAsid));
    set(GUEST_VMCB_TLB_CONTROL, uint8_t{GUEST_VMCB_FLUSH_ALL});
    set(0x90, uint64_t{1});  // nested paging
    set(0xb0, uint64_t{PageAt(kNestedRoot).value});
    set_segment(0x400, sregs.es);
    set_segment(0x410, sregs.cs);
    set_segment(0x420, sregs.ss);
    set_segment(0x430, sregs.ds);
    set(0x464, uint32_t{sregs.gdt.limit});
    set(0x468, uint64_t{sregs.gdt.base});
    set(0x484, uint32_t{sregs.idt.limit});
    set(0x488, uint64_t{sregs.idt.base});
    set(0x4d0, uint64_t{sregs.efer});
    set(0x548, uint64_t{sregs.cr4});
    set(0x550, uint64_t{sregs.cr3});
    set(0x558, uint64_t{sregs.cr0});
    set(0x560, uint64_t{0x400});  // DR7 and DR6 as after a reset
    set(0x568, uint64_t{0xffff'0ff0});
    set(0x570, uint64_t{regs.rflags});
    set(GUEST_VMCB_RIP, uint64_t{regs.rip});
    set(0x5d8, uint64_t{regs.rsp});
    set(0x668, uint64_t{0x0007'0406'0007'0406});  // PAT as after a reset
  }
};

}  // namespace kct
