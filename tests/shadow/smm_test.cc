// SPDX-License-Identifier: GPL-2.0-only
// Tables that are used in one address space and written in the other: system management mode has
// slots of its own.
#include "guest/smm.h"
#include "harness/guest/image.h"
#include "tests/shadow/stage.h"

namespace kct {
namespace {

class ShadowSmm : public VmTest<Need::kShadow, Need::kSmm, Need::kCpu> {};

// A stage whose slot is in system management mode's address space as well, and the handler of
// system management interrupts.
class SmmStage : public Stage {
 public:
  static Result<SmmStage> Make() {
    constexpr uint32_t kSmmSpace = 1;
    KCT_TRY(Stage stage, Stage::Make());
    KCT_TRY(Memslot ram,
            stage.vm.AddMemslot(
                {.gpa = {GUEST_SMBASE}, .size = {GUEST_SMM_SIZE}, .address_space = kSmmSpace}));
    kvm_userspace_memory_region same = stage.slot.region();
    same.slot |= kSmmSpace << 16;
    const MemoryRegionCall added = stage.vm.SetUserMemoryRegion(same);
    if (!added.ok()) return MakeError("{}", added.Record().ToString());
    const auto image = SmmImage();
    for (uint64_t i = 0; i < image.size(); ++i) {
      ram.memory().At<std::byte>({GUEST_SMM_ENTRY + i}) = image[i];
    }
    return SmmStage(std::move(stage), std::move(ram));
  }

  // The next run of `vcpu` begins in system management mode, and writes the lower half of an entry.
  Status WriteFromSmm(const Vcpu& vcpu, Gpa at, uint64_t entry) const {
    Field(GUEST_SMM_VALUE) = static_cast<uint32_t>(entry);
    return Interrupt(vcpu, GUEST_SMM_WRITE, at);
  }
  // It begins there and reads at `address`, by the 32-bit tables whose root is at `cr3`.
  Status ReadInSmm(const Vcpu& vcpu, Gpa cr3, Gpa address) const {
    Field(GUEST_SMM_VALUE) = 0;
    Field(GUEST_SMM_CR3) = static_cast<uint32_t>(cr3.value);
    return Interrupt(vcpu, GUEST_SMM_READ, address);
  }
  // What it read.
  uint32_t Value() const { return Field(GUEST_SMM_VALUE); }

 private:
  SmmStage(Stage stage, Memslot ram) : Stage(std::move(stage)), ram_(std::move(ram)) {}

  volatile uint32_t& Field(uint64_t at) const { return ram_.memory().At<uint32_t>({at}); }

  Status Interrupt(const Vcpu& vcpu, uint32_t order, Gpa address) const {
    Field(GUEST_SMM_ORDER) = order;
    Field(GUEST_SMM_ADDRESS) = static_cast<uint32_t>(address.value);
    const auto call = IssueNumber(vcpu.fd(), KVM_SMI, 0);
    if (call.ok()) return {};
    return MakeError("KVM_SMI: {}", call.error.Explain());
  }

  Memslot ram_;
};

struct Change {
  uint64_t table, from, to;
};
constexpr Change kChanges[] = {{kDirectory, kTable, kOtherTable}, {kTable, kData, kOtherData}};

// What a vCPU writes from system management mode to tables in use, its own or another vCPU's,
// counts after a flush.
KCT_TEST(ShadowSmm, AWriteFromThereIsTracked, "SHADOW-12", "SHADOW-01") {
  for (const Change& change : kChanges) {
    for (const bool by_other : {false, true}) {
      ASSERT_OK_AND_ASSIGN(SmmStage stage, SmmStage::Make());
      ASSERT_OK_AND_ASSIGN(GuestCpu other, stage.machine.AddCpu());
      ASSERT_OK(stage.cpu.Load(
          Program().Read64(kWindow).Out(kStop, 0).InvalidatePage(kWindow).Read64(kWindow)));
      ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
      ASSERT_EQ(stage.cpu.result(0).value, MarkOf(kData));

      ASSERT_OK(stage.WriteFromSmm(by_other ? other.vcpu() : stage.cpu.vcpu(),
                                   EntryAt(change.table), EntryOf(change.to)));
      if (by_other) {
        ASSERT_THAT(other.Run(), IsDone());
      }
      ASSERT_THAT(stage.cpu.Run(), IsDone());

      ASSERT_EQ(stage.EntryNow(change.table), EntryOf(change.to));
      EXPECT_EQ(stage.cpu.result(3).value, MarkOf(kOtherData)) << "table " << change.table;
    }
  }
}

// What a vCPU writes outside of it to tables that are in use there counts when they are used again.
KCT_TEST(ShadowSmm, AWriteToTablesOfSmmIsTracked, "SHADOW-12", "SHADOW-01") {
  // A root of 32-bit tables: entries of 4 bytes, each for 4 MiB; the first maps those to
  // themselves.
  constexpr uint64_t kRoot = kCode;
  constexpr uint64_t kItself = kEntryFlags | 1 << 7;
  constexpr Gpa kThere = 1_GiB_gpa;
  constexpr Bytes kPair{8};
  constexpr uint64_t kPairOfThere = (kThere.value >> 22) / 2;
  for (const bool of_root : {true, false}) {
    ASSERT_OK_AND_ASSIGN(SmmStage stage, SmmStage::Make());
    stage.Write(kRoot, 0, kItself);
    stage.Write(kRoot, kPairOfThere, EntryOf(kTable));
    const Gpa at = of_root ? PageAt(kRoot) + kPair * kPairOfThere : EntryAt(kTable);
    ASSERT_OK(stage.cpu.Load(
        Program().Out(kStop, 0).Write64(at, EntryOf(of_root ? kOtherTable : kOtherData))));
    ASSERT_OK(stage.ReadInSmm(stage.cpu.vcpu(), PageAt(kRoot), kThere));
    ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
    ASSERT_EQ(stage.Value(), static_cast<uint32_t>(MarkOf(kData)));

    ASSERT_THAT(stage.cpu.Run(), IsDone());
    ASSERT_OK(stage.cpu.Load(Program()));
    ASSERT_OK(stage.ReadInSmm(stage.cpu.vcpu(), PageAt(kRoot), kThere));
    ASSERT_THAT(stage.cpu.Run(), IsDone());

    EXPECT_EQ(stage.Value(), static_cast<uint32_t>(MarkOf(kOtherData)))
        << (of_root ? "of the root" : "of the table");
  }
}

}  // namespace
}  // namespace kct
