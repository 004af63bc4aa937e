// SPDX-License-Identifier: GPL-2.0-only
// Stores to pages that hold shadowed tables: what KVM does with its shadow pages.
#include <sys/mman.h>

#include <array>

#include "harness/abi/host_memory.h"
#include "tests/shadow/stage.h"

namespace kct {
namespace {

class ShadowTable : public VmTest<Need::kShadow, Need::kCpu> {};
class ShadowTableHuge : public VmTest<Need::kShadow, Need::kCpu, Need::kThp> {};

// Entries that no translation goes through.
constexpr uint64_t kUnused = 8;

// Runs `program` on the stage's vCPU to its end.
Status Do(Stage& stage, const Program& program) {
  KCT_TRY_STATUS(stage.cpu.Load(program));
  const GuestExit guest_exit = stage.cpu.Run();
  if (!guest_exit.done()) return MakeError("{}", guest_exit.ToString());
  return {};
}

// --- instructions that write no page tables -----------------------------------------------------

// A string store to a shadowed table drops its shadow page and is then made by the CPU: KVM counts
// no emulated write to a table.
KCT_TEST(ShadowTable, IsDroppedForAStringStore, "SHADOW-05") {
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  ASSERT_OK(stage.cpu.Load(Program()
                               .Read64(kWindow)
                               .Out(kStop, 0)
                               .Move(EntryAt(kDirectory), PageAt(kSource), kEntry)
                               .Out(kStop, 0)
                               .InvalidatePage(kWindow)
                               .Read64(kWindow)));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  ASSERT_EQ(stage.cpu.result(0).value, MarkOf(kData));
  const uint64_t zapped = stage.Count("mmu_shadow_zapped");
  const uint64_t written = stage.Count("mmu_pte_write");

  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));

  EXPECT_GT(stage.Count("mmu_shadow_zapped"), zapped);
  EXPECT_EQ(stage.Count("mmu_pte_write"), written);
  EXPECT_EQ(stage.EntryNow(kDirectory), EntryOf(kOtherTable));
  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(5).value, MarkOf(kOtherData));
}

// Code at the start of the window's page `kCode`, which its table leads to.
void PutCodeInWindow(const Stage& stage, std::span<const uint8_t> code) {
  WriteCode(stage, kCode, code);
  stage.Write(kTable, kTheEntry, EntryOf(kCode));
}

// A store to the table that the instruction itself is found by: dropping the shadow page takes the
// code away, so KVM has to emulate at the second attempt.
KCT_TEST(ShadowTable, ThatMapsTheInstructionIsEmulated, "SHADOW-06") {
  constexpr uint32_t kTarget = static_cast<uint32_t>(EntryAt(kDirectory, kUnused).value);
  constexpr std::array<uint8_t, 14> kStoreByte{
      0xbf,
      kTarget & 0xff,
      kTarget >> 8 & 0xff,
      kTarget >> 16 & 0xff,
      kTarget >> 24,  // mov edi
      0xb0,
      0x5a,  // mov al
      0xaa,  // stosb
      0xb8,
      0x01,
      0x00,
      0x00,
      0x00,  // mov eax, 1
      0xc3,  // ret
  };
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  PutCodeInWindow(stage, kStoreByte);
  const uint64_t emulated = stage.CountOfVcpu("pf_emulate");
  const uint64_t written = stage.Count("mmu_pte_write");
  ASSERT_OK(stage.cpu.Load(Program().Execute(kWindow)));

  EXPECT_THAT(stage.cpu.Run(), IsDone());

  EXPECT_EQ(stage.cpu.result(0).value, 1u);
  EXPECT_EQ(stage.EntryNow(kDirectory, kUnused), 0x5au);
  EXPECT_GT(stage.CountOfVcpu("pf_emulate"), emulated);
  EXPECT_GT(stage.Count("mmu_pte_write"), written);
}

// --- instructions that KVM can't emulate ---------------------------------------------------------

// A function that stores 1.0 as four bytes to `target` from the x87, which KVM does not emulate.
std::array<uint8_t, 20> StoreOne(Gpa target) {
  std::array<uint8_t, 20> code{
      0x48, 0xbf, 0,    0,    0,    0, 0, 0, 0, 0,  // mov rdi, target
      0xd9, 0xe8,                                   // fld1
      0xd9, 0x1f,                                   // fstp dword [rdi]
      0xb8, 0x01, 0x00, 0x00, 0x00,                 // mov eax, 1
      0xc3,                                         // ret
  };
  for (std::size_t i = 0; i < 8; ++i) code[2 + i] = static_cast<uint8_t>(target.value >> 8 * i);
  return code;
}
constexpr uint64_t kOne = 0x3f80'0000;

// Such a store to a shadowed table is made by the CPU, once the shadow page is gone.
KCT_TEST(ShadowTable, IsDroppedForAStoreThatCanNotBeEmulated, "SHADOW-07") {
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  // The code is found by another directory than the one that it writes to.
  stage.Write(kPointers, 1, EntryOf(kSource));
  stage.Write(kSource, kTheEntry, EntryOf(kOtherTable));
  stage.Write(kOtherTable, kTheEntry, EntryOf(kCode));
  WriteCode(stage, kCode, StoreOne(EntryAt(kDirectory, kUnused)));
  ASSERT_OK(stage.cpu.Load(
      Program().Read64(kWindow).Out(kStop, 0).Execute(kWindow + 1_GiB).Read64(kWindow)));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  const uint64_t zapped = stage.Count("mmu_shadow_zapped");

  EXPECT_THAT(stage.cpu.Run(), IsDone());

  EXPECT_GT(stage.Count("mmu_shadow_zapped"), zapped);
  EXPECT_EQ(stage.cpu.result(2).value, 1u);
  EXPECT_EQ(stage.EntryNow(kDirectory, kUnused), kOne);
  EXPECT_EQ(stage.cpu.result(3).value, MarkOf(kData));
}

// Where the store's own translation goes through the table that it writes to, that would not help,
// and KVM gives up.
KCT_TEST(ShadowTable, ThatTranslatesSuchAStoreEndsTheRun, "SHADOW-07") {
  constexpr uint64_t kPageOfDirectory = 1;
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  stage.Write(kTable, kPageOfDirectory, EntryOf(kDirectory));
  PutCodeInWindow(stage, StoreOne(kWindow + Pages(kPageOfDirectory) + kEntry * kUnused));
  ASSERT_OK(stage.cpu.Load(Program().Execute(kWindow)));

  const GuestExit guest_exit = stage.cpu.Run();

  EXPECT_THAT(guest_exit.call, Succeeds());
  EXPECT_THAT(guest_exit, IsInternalError(KVM_INTERNAL_ERROR_EMULATION));
  EXPECT_EQ(stage.EntryNow(kDirectory, kUnused), 0u);
}

// --- many writes ---------------------------------------------------------------------------------

// The third write in a row to a table above the last level drops its shadow page.
KCT_TEST(ShadowTable, IsDroppedAtTheThirdWriteInARow, "SHADOW-09") {
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  ASSERT_OK(stage.cpu.Load(Program()
                               .Read64(kWindow)
                               .Write64(EntryAt(kDirectory, kUnused), 0)
                               .Write64(EntryAt(kDirectory, kUnused + 1), 0)
                               .Out(kStop, 0)
                               .Write64(EntryAt(kDirectory), EntryOf(kOtherTable))
                               .Out(kStop, 0)
                               .InvalidatePage(kWindow)
                               .Read64(kWindow)));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  EXPECT_EQ(stage.Count("mmu_flooded"), 0u);

  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  EXPECT_EQ(stage.Count("mmu_flooded"), 1u);

  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(0).value, MarkOf(kData));
  EXPECT_EQ(stage.cpu.result(7).value, MarkOf(kOtherData));
}

// A walk through the table begins a new row.
KCT_TEST(ShadowTable, IsInUseAgainAfterAWalk, "SHADOW-09") {
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  stage.Write(kDirectory, 1, EntryOf(kOtherTable));
  const Gpa not_walked_yet = kWindow + kHugePage;
  ASSERT_OK(stage.cpu.Load(Program()
                               .Read64(kWindow)
                               .Write64(EntryAt(kDirectory, kUnused), 0)
                               .Write64(EntryAt(kDirectory, kUnused), 0)
                               .Read64(not_walked_yet)
                               .Write64(EntryAt(kDirectory, kUnused), 0)
                               .Write64(EntryAt(kDirectory, kUnused), 0)
                               .Out(kStop, 0)
                               .Write64(EntryAt(kDirectory, kUnused), 0)));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  EXPECT_EQ(stage.cpu.result(3).value, MarkOf(kOtherData));
  EXPECT_EQ(stage.Count("mmu_flooded"), 0u);

  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.Count("mmu_flooded"), 1u);
}

// Writes that look like none of an entry drop the shadow page at once; those of one byte at its
// start do not, nor do those of a half.
KCT_TEST(ShadowTable, IsDroppedByAMisalignedWrite, "SHADOW-09") {
  const Gpa entry = EntryAt(kDirectory, kUnused);
  const struct {
    Program write;
    uint64_t dropped;
  } kCases[] = {
      {Program().Write64(entry + Bytes{4}, 0), 1},

      {Program().Write16(entry, 0), 1},
      {Program().Write8(entry + Bytes{1}, 0), 1},
      {Program().Write8(entry, 0), 0},
      {Program().Write32(entry, 0), 0},
      {Program().Write32(entry + Bytes{4}, 0), 0},
      {Program().Write64(entry, 0), 0},
  };
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  for (const auto& [write, dropped] : kCases) {
    ASSERT_OK(Do(stage, Program().ReloadCr3().Read64(kWindow)));
    // Whatever was written before: the row begins anew with a shadow page of its own.
    ASSERT_OK(Do(stage, Program()
                            .Move(PageAt(kDirectory) + kEntry * kUnused, PageAt(kCode), kEntry)
                            .Read64(kWindow)));
    const uint64_t before = stage.Count("mmu_flooded");

    ASSERT_OK(Do(stage, write));

    EXPECT_EQ(stage.Count("mmu_flooded") - before, dropped) << write.ToString();
  }
}

// --- huge pages ----------------------------------------------------------------------------------

// The 2 MiB around a table are mapped in small pages, those without one as a whole.
KCT_TEST(ShadowTableHuge, IsNotInAHugeMapping, "SHADOW-11") {
  constexpr uint64_t kHuge = kHugePage / kPage;
  constexpr uint64_t kLastTable = kHuge + kTable;  // a page of the second 2 MiB
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make({.pages = 3 * kHuge}));
  const Hva hva = stage.slot.hva();
  // From here on the memory is another: what the scene wrote goes.
  ASSERT_THAT(MapZeros(hva, kHugePage * 3), Succeeds());
  ASSERT_THAT(Madvise(hva, kHugePage * 3, MADV_HUGEPAGE, "madvise HUGEPAGE"), Succeeds());
  stage.Write(kPointers, kTheEntry, EntryOf(kDirectory));
  stage.Write(kDirectory, kTheEntry, EntryOf(kLastTable));
  stage.Write(kLastTable, kTheEntry, EntryOf(2 * kHuge));
  stage.Word(2 * kHuge) = MarkOf(kData);
  ASSERT_OK(Do(stage, Program().Read64(kWindow)));
  ASSERT_EQ(stage.cpu.result(0).value, MarkOf(kData));
  const auto huge_after_touching = [&](uint64_t number) {
    EXPECT_TRUE(Do(stage, Program().Touch({kHome + kHugePage * number, kHugePage})).ok());
    return stage.Count("pages_2m");
  };
  const uint64_t before = stage.Count("pages_2m");

  EXPECT_EQ(huge_after_touching(0), before) << "around upper tables";
  EXPECT_EQ(huge_after_touching(1), before) << "around a table of the last level";
  const uint64_t control = huge_after_touching(2);
  ASSERT_REACHED(control == before + 1, "a huge mapping where no table is");
}

}  // namespace
}  // namespace kct
