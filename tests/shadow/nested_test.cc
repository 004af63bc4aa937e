// SPDX-License-Identifier: GPL-2.0-only
// A guest that is a hypervisor: it runs a guest of its own, whose memory it translates by nested
// page tables that KVM has to shadow.
#include <array>

#include "harness/kvm/kvm.h"
#include "tests/shadow/stage.h"

namespace kct {
namespace {

// AMD's virtualization, and a KVM that offers it to its guests.
class ShadowNested : public VmTest<Need::kTdp, Need::kCpu> {
 protected:
  void SetUp() override {
    VmTest<Need::kTdp, Need::kCpu>::SetUp();
    if (IsSkipped() || ModuleParameter("kvm_amd", "nested") == "1") return;
    ReportSkip({"no-nested-svm", "kvm_amd.nested does not read 1"});
    GTEST_SKIP();
  }
};

// Further pages of the slot.
constexpr uint64_t kNestedRoot = 8, kControlBlock = 9, kHostState = 10, kInnerCode = 11,
                   kHypervisor = 12;
// Where the inner guest finds what the tables' entry 1 leads to; entry 0 leads to its code.
constexpr uint64_t kInnerData = 1;
// In the control block.
constexpr Bytes kExitCode{0x70}, kInnerRip{0x578};
constexpr uint64_t kVmmcall = 0x81;

// The inner guest: reads a word of its page kInnerData, and calls its hypervisor.
constexpr std::array<uint8_t, 8> kReadAndCall{
    0xa1, 0x00, 0x10, 0x00, 0x00,  // mov eax, [0x1000]
    0x0f, 0x01, 0xd9,              // vmmcall
};

// The hypervisor: a function that runs the inner guest up to its call and returns its EAX.
std::array<uint8_t, 44> RunInnerGuest() {
  const auto byte = [](uint64_t page, int number) {
    return static_cast<uint8_t>(PageAt(page).value >> 8 * number);
  };
  constexpr uint64_t kH = kHostState, kC = kControlBlock;
  return {
      0xb9, 0x17,        0x01,        0x01,        0xc0,         // mov ecx, VM_HSAVE_PA
      0xb8, byte(kH, 0), byte(kH, 1), byte(kH, 2), byte(kH, 3),  // mov eax, its page
      0x31, 0xd2,                                                // xor edx, edx
      0x0f, 0x30,                                                // wrmsr
      0xb8, byte(kC, 0), byte(kC, 1), byte(kC, 2), byte(kC, 3),  // mov eax, the control block
      0xc7, 0x80,        0x78,        0x05,        0x00,        0x00,
      0x00, 0x00,        0x00,        0x00,                            // mov [rax + RIP], 0
      0x0f, 0x01,        0xd8,                                         // vmrun
      0x0f, 0x01,        0xdc,                                         // stgi
      0x8b, 0x80,        0xf8,        0x05,        0x00,        0x00,  // mov eax, [rax + RAX]
      0xc3,                                                            // ret
  };
}
static_assert(kInnerRip.count == 0x578);

// A stage whose guest is the hypervisor. Its own window and the inner guest's memory share all
// tables below the roots, unless the inner guest is given a pointer table of its own.
Result<Stage> MakeHypervisor() {
  KCT_TRY(Stage stage, Stage::Make());
  WriteCode(stage, kInnerCode, kReadAndCall);
  WriteCode(stage, kHypervisor, RunInnerGuest());
  stage.Write(kNestedRoot, 0, EntryOf(kPointers));
  stage.Write(kTable, 0, EntryOf(kInnerCode));
  stage.Write(kTable, kInnerData, EntryOf(kData));

  const auto set = [&](Bytes at, auto value) {
    stage.slot.memory().At<decltype(value)>(Pages(kControlBlock) + at) = value;
  };
  set({0x10}, uint32_t{1 << 0 | 1 << 1});  // intercepted: VMRUN, which must be, and VMMCALL
  set({0x58}, uint32_t{1});                // ASID
  set({0x5c}, uint8_t{1});                 // each VMRUN flushes
  set({0x90}, uint64_t{1});                // nested paging
  set({0xb0}, uint64_t{PageAt(kNestedRoot).value});
  const auto segment = [&](Bytes at, uint16_t selector, uint16_t attributes) {
    set(at, selector);
    set(at + Bytes{2}, attributes);
    set(at + Bytes{4}, uint32_t{0xffff'ffff});
  };
  segment({0x410}, 0x08, 0xc9b);  // CS, flat, 32-bit
  for (const Bytes at : {Bytes{0x400}, Bytes{0x420}, Bytes{0x430}}) segment(at, 0x10, 0xc93);
  constexpr uint64_t kSvme = 1 << 12;
  set({0x4d0}, kSvme);                            // EFER
  set({0x558}, uint64_t{0x11});                   // CR0: protected mode, no paging
  set({0x560}, uint64_t{0x400});                  // DR7
  set({0x568}, uint64_t{0xffff'0ff0});            // DR6
  set({0x570}, uint64_t{2});                      // RFLAGS
  set({0x668}, uint64_t{0x0007'0406'0007'0406});  // PAT
  return stage;
}

// Loads a program into the hypervisor, which may use VMRUN.
Status LoadHypervisor(Stage& stage, const Program& program) {
  KCT_TRY_STATUS(stage.cpu.Load(program));
  KCT_TRY(kvm_sregs sregs, stage.cpu.vcpu().GetSregs());
  sregs.efer |= 1 << 12;
  return stage.cpu.vcpu().SetSregs(sregs);
}

constexpr uint32_t LowHalf(uint64_t mark) { return static_cast<uint32_t>(mark); }

uint64_t ExitCode(const Stage& stage) {
  return stage.slot.memory().Word(Pages(kControlBlock) + kExitCode);
}

// The hypervisor changes an entry of its guest's tables, on either level; after a flush its guest
// reads by the new one.
KCT_TEST(ShadowNested, AChangedEntryIsSeenByTheInnerGuest, "SHADOW-01", "SHADOW-10") {
  for (const bool of_directory : {true, false}) {
    ASSERT_OK_AND_ASSIGN(Stage stage, MakeHypervisor());
    stage.Write(kOtherTable, 0, EntryOf(kInnerCode));
    stage.Write(kOtherTable, kInnerData, EntryOf(kOtherData));
    const Gpa at = of_directory ? EntryAt(kDirectory) : EntryAt(kTable, kInnerData);
    ASSERT_OK(
        LoadHypervisor(stage, Program()
                                  .Execute(PageAt(kHypervisor))
                                  .Write64(at, EntryOf(of_directory ? kOtherTable : kOtherData))
                                  .Execute(PageAt(kHypervisor))));

    ASSERT_THAT(stage.cpu.Run(), IsDone());

    ASSERT_EQ(stage.cpu.result(0).status, guest::OpStatus::kOk)
        << ToString(stage.cpu.result(0)) << ExitCode(stage);
    EXPECT_EQ(ExitCode(stage), kVmmcall);
    EXPECT_EQ(stage.cpu.result(0).value, LowHalf(MarkOf(kData)));
    EXPECT_EQ(stage.cpu.result(2).value, LowHalf(MarkOf(kOtherData)));
  }
}

// A hypervisor walks tables that its guest uses as well: the CPU's own walk, which counts as a
// write, lets KVM drop its shadow pages of them, and nothing is emulated.
KCT_TEST(ShadowNested, MaySharePageTablesWithTheInnerGuest, "SHADOW-08") {
  ASSERT_OK_AND_ASSIGN(Stage stage, MakeHypervisor());
  ASSERT_OK(LoadHypervisor(stage, Program()
                                      .Read64(kWindow + kPage)
                                      .Execute(PageAt(kHypervisor))
                                      .Out(kStop, 0)
                                      .ReloadCr3()
                                      .Read64(kWindow + kPage)
                                      .Out(kStop, 0)
                                      .Execute(PageAt(kHypervisor))));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  ASSERT_EQ(ExitCode(stage), kVmmcall);
  EXPECT_EQ(stage.cpu.result(1).value, LowHalf(MarkOf(kData)));
  const uint64_t zapped = stage.Count("mmu_shadow_zapped");
  const uint64_t emulated = stage.CountOfVcpu("pf_emulate");

  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));

  EXPECT_EQ(stage.cpu.result(4).value, MarkOf(kData));
  EXPECT_GT(stage.Count("mmu_shadow_zapped"), zapped);
  EXPECT_EQ(stage.CountOfVcpu("pf_emulate"), emulated);
  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(6).value, LowHalf(MarkOf(kData)));
}

// Memory that goes away under the inner guest is MMIO at the hypervisor's address, and memory again
// once it is back.
KCT_TEST(ShadowNested, ADeletedSlotIsMmioUnderTheInnerGuest, "SHADOW-19") {
  ASSERT_OK_AND_ASSIGN(Stage stage, MakeHypervisor());
  ASSERT_OK_AND_ASSIGN(const Memslot other, stage.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kPage}));
  other.memory().Word({0}) = MarkOf(kOtherData);
  stage.Write(kTable, kInnerData, other.gpa().value | kEntryFlags);
  const Gpa run = PageAt(kHypervisor);
  ASSERT_OK(LoadHypervisor(
      stage, Program().Execute(run).Out(kStop, 0).Execute(run).Out(kStop, 0).Execute(run)));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  EXPECT_EQ(stage.cpu.result(0).value, LowHalf(MarkOf(kOtherData)));

  ASSERT_THAT(other.Delete(), Succeeds());
  ASSERT_THAT(stage.cpu.Run(), IsMmioRead(other.gpa()));
  stage.cpu.AnswerMmio(0x1234);
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  EXPECT_EQ(stage.cpu.result(2).value, 0x1234u);

  ASSERT_THAT(other.Restore(), Succeeds());
  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(4).value, LowHalf(MarkOf(kOtherData)));
}

}  // namespace
}  // namespace kct
