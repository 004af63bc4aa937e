// SPDX-License-Identifier: GPL-2.0-only
// Entries: when a new one counts, and whether it is whole.
#include "tests/shadow/stage.h"

namespace kct {
namespace {

using testing::AnyOf;

class ShadowEntry : public VmTest<Need::kShadow> {};
class ShadowUnsync : public VmTest<Need::kShadow, Need::kCpu> {};

// --- tables of the last level --------------------------------------------------------------------

// Such a table may change without KVM's knowing. Before the flush either entry is good, after it
// the new one only; a load of CR3 makes all of them known again.
KCT_TEST(ShadowUnsync, IsSynchronisedByAFlush, "SHADOW-10") {
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  ASSERT_OK(stage.cpu.Load(Program()
                               .Read64(kWindow)
                               .Write64(EntryAt(kTable), EntryOf(kOtherData))
                               .Read64(kWindow)
                               .Out(kStop, 0)
                               .InvalidatePage(kWindow)
                               .Read64(kWindow)
                               .Write64(EntryAt(kTable), EntryOf(kData))
                               .ReloadCr3()
                               .Read64(kWindow)));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  ASSERT_REACHED(stage.Count("mmu_unsync") > 0, "a store to a table that does not trap");
  EXPECT_EQ(stage.cpu.result(0).value, MarkOf(kData));
  EXPECT_THAT(stage.cpu.result(2).value, AnyOf(MarkOf(kData), MarkOf(kOtherData)));

  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(5).value, MarkOf(kOtherData));
  EXPECT_EQ(stage.cpu.result(8).value, MarkOf(kData));
}

// An entry that was not there needs no flush, whatever the level of its table.
KCT_TEST(ShadowEntry, ThatWasNotThereNeedsNoFlush, "SHADOW-17") {
  for (const uint64_t table : {kPointers, kDirectory, kTable}) {
    ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
    const uint64_t entry = stage.EntryNow(table);
    stage.Write(table, kTheEntry, 0);
    ASSERT_OK(
        stage.cpu.Load(Program().Read64(kWindow).Write64(EntryAt(table), entry).Read64(kWindow)));

    ASSERT_THAT(stage.cpu.Run(), IsDone());

    EXPECT_EQ(stage.cpu.result(0).status, guest::OpStatus::kFault) << table;
    EXPECT_EQ(stage.cpu.result(0).cr2, kWindow.value) << table;
    EXPECT_EQ(stage.cpu.result(2).status, guest::OpStatus::kOk) << table;
    EXPECT_EQ(stage.cpu.result(2).value, MarkOf(kData)) << table;
  }
}

// --- the host writes -----------------------------------------------------------------------------

// What the host stores into the guest's tables KVM may overlook, flush or no flush; once its shadow
// pages are gone, the new entry counts.
KCT_TEST(ShadowEntry, OfTheHostCountsOnceShadowPagesAreGone, "SHADOW-13") {
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot other, stage.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kPage}));
  ASSERT_OK(stage.cpu.Load(Program()
                               .Read64(kWindow)
                               .Out(kStop, 0)
                               .InvalidatePage(kWindow)
                               .Read64(kWindow)
                               .ReloadCr3()
                               .Read64(kWindow)
                               .Out(kStop, 0)
                               .Read64(kWindow)));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));

  stage.Write(kDirectory, kTheEntry, EntryOf(kOtherTable));
  ASSERT_THAT(stage.cpu.Run(), IsOut(kStop));
  EXPECT_EQ(stage.cpu.result(0).value, MarkOf(kData));
  for (const std::size_t read : {std::size_t{3}, std::size_t{5}}) {
    EXPECT_THAT(stage.cpu.result(read).value, AnyOf(MarkOf(kData), MarkOf(kOtherData)));
  }

  ASSERT_THAT(other.Delete(), Succeeds());  // all shadow pages of a default VM go with it
  ASSERT_THAT(stage.cpu.Run(), IsDone());
  EXPECT_EQ(stage.cpu.result(7).value, MarkOf(kOtherData));
}

// --- halves --------------------------------------------------------------------------------------

// Pages that the entry leads to: kData below, and the same page number 4 GiB higher.
constexpr Gpa kHigh = kHome + 4_GiB;
constexpr uint64_t kHighMark = 0x6869'6768;

// A store to the upper half of an entry changes all that it leads to.
KCT_TEST(ShadowEntry, IsReadAsAWholeAfterAStoreToAHalf, "SHADOW-15", "SHADOW-01") {
  ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot high,
                       stage.vm.AddMemslot({.gpa = kHigh, .size = Pages(kStagePages)}));
  high.memory().Word(Pages(kTable)) = EntryOf(kOtherData);  // a table as kTable
  high.memory().Word(Pages(kData)) = kHighMark;
  const auto write_upper = [](Program& program, uint64_t table, uint32_t value) {
    program.Write32(EntryAt(table) + Bytes{4}, value).InvalidatePage(kWindow).Read64(kWindow);
    return program.last();
  };
  Program program;
  const std::size_t data_high = write_upper(program, kTable, 1);
  const std::size_t data_low = write_upper(program, kTable, 0);
  const std::size_t table_high = write_upper(program, kDirectory, 1);
  const std::size_t table_low = write_upper(program, kDirectory, 0);
  ASSERT_OK(stage.cpu.Load(program));

  ASSERT_THAT(stage.cpu.Run(), IsDone());

  EXPECT_EQ(stage.cpu.result(data_high).value, kHighMark);
  EXPECT_EQ(stage.cpu.result(data_low).value, MarkOf(kData));
  EXPECT_EQ(stage.cpu.result(table_high).value, MarkOf(kOtherData));
  EXPECT_EQ(stage.cpu.result(table_low).value, MarkOf(kData));
}

// A store that ends in the next entry changes that one, too.
KCT_TEST(ShadowEntry, IsReadAgainAfterAStoreThatBeganInAnother, "SHADOW-18") {
  constexpr uint64_t kNext = 1;
  for (const auto& [table, from, to, page] :
       {std::tuple(kDirectory, kTable, kOtherTable, kHugePage),
        std::tuple(kTable, kData, kOtherData, kPage)}) {
    ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
    stage.Write(table, kNext, EntryOf(from));
    const Gpa middle = EntryAt(table, kNext) - Bytes{2};
    const uint64_t half = (EntryOf(to) & 0xffff) << 16;
    ASSERT_EQ(EntryOf(from) >> 16, EntryOf(to) >> 16);
    ASSERT_OK(stage.cpu.Load(Program()
                                 .Read64(kWindow + page)
                                 .Write32(middle, static_cast<uint32_t>(half))
                                 .InvalidatePage(kWindow + page)
                                 .Read64(kWindow + page)));

    ASSERT_THAT(stage.cpu.Run(), IsDone());

    EXPECT_EQ(stage.EntryNow(table, kNext), EntryOf(to));
    EXPECT_EQ(stage.cpu.result(0).value, MarkOf(kData));
    EXPECT_EQ(stage.cpu.result(3).value, MarkOf(kOtherData)) << "entry of page " << table;
  }
}

}  // namespace
}  // namespace kct
