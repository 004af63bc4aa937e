// SPDX-License-Identifier: GPL-2.0-only
// A guest changes an entry of its page tables, by every kind of store, and flushes: what it then
// reads is translated by the new entry.
#include <array>

#include "tests/shadow/stage.h"

namespace kct {
namespace {

// How the guest stores the entry of `to` where there is that of `from`.
struct Store {
  std::string_view name;
  void (*append)(Program&, Gpa at, uint64_t from, uint64_t to);
};

// Strings are copied from kSource; an input comes from user space.
constexpr std::array kStores{
    Store{"move", [](Program& program, Gpa at, uint64_t, uint64_t to) { program.Write64(at, to); }},
    Store{"two_halves",
          [](Program& program, Gpa at, uint64_t, uint64_t to) {
            program.Write32(at, static_cast<uint32_t>(to));
            program.Write32(at + Bytes{4}, static_cast<uint32_t>(to >> 32));
          }},
    Store{"compare_and_swap", [](Program& program, Gpa at, uint64_t from,
                                 uint64_t to) { program.CompareAndSwap(at, from, to); }},
    Store{"add", [](Program& program, Gpa at, uint64_t from,
                    uint64_t to) { program.AtomicAdd(at, to - from); }},
    Store{"string", [](Program& program, Gpa at, uint64_t,
                       uint64_t) { program.Move(at, PageAt(kSource), kEntry); }},
    Store{"string_of_bytes", [](Program& program, Gpa at, uint64_t,
                                uint64_t) { program.Move(at, PageAt(kSource), kEntry, 1); }},
    // The lower half, which is where the two entries differ.
    Store{"input", [](Program& program, Gpa at, uint64_t,
                      uint64_t) { program.InString(kStop, at, {4}, 4); }},
};

// To which table the entry belongs.
struct Level {
  std::string_view name;
  uint64_t table;
  uint64_t from, to;  // pages that its entry leads to
};
constexpr std::array kLevels{Level{"of_directory", kDirectory, kTable, kOtherTable},
                             Level{"of_table", kTable, kData, kOtherData}};

struct StoreToTable {
  struct Item {
    const Store* store;
    const Level* level;
    friend void PrintTo(const Item& item, std::ostream* os) { *os << SubjectOf(item).name; }
  };
  static const std::vector<Item>& All() {
    static const std::vector<Item> all = [] {
      std::vector<Item> items;
      for (const Store& store : kStores) {
        for (const Level& level : kLevels) items.push_back({&store, &level});
      }
      return items;
    }();
    return all;
  }
  static TestSubject SubjectOf(const Item& item) {
    return {fmt::format("{}_{}", item.store->name, item.level->name), {}, {}};
  }
};

class ShadowStore : public EachTest<TestKind::kAbi, StoreToTable, Need::kShadow> {
 protected:
  // Runs to the end of the program, and hands out the lower half of `entry` to whoever asks.
  static GuestExit RunAndSupply(Stage& stage, uint64_t entry) {
    return stage.cpu.RunUntilDone([&](const GuestExit& guest_exit) {
      if (guest_exit.kind != ExitKind::kIo) return VcpuRunner::Then::kStop;
      stage.cpu.AnswerIo(static_cast<uint32_t>(entry));
      return VcpuRunner::Then::kRunOn;
    });
  }

  enum class Flush { kInvlpg, kCr3 };

  // What the guest reads before the store, and after it and a flush.
  static void ExpectNewEntryAfter(const StoreToTable::Item& item, Flush flush) {
    const auto [store, level] = item;
    ASSERT_OK_AND_ASSIGN(Stage stage, Stage::Make());
    stage.Word(kSource) = EntryOf(level->to);
    Program program;
    program.Read64(kWindow);
    const std::size_t before = program.last();
    store->append(program, EntryAt(level->table), EntryOf(level->from), EntryOf(level->to));
    flush == Flush::kInvlpg ? program.InvalidatePage(kWindow) : program.ReloadCr3();
    program.Read64(kWindow);
    ASSERT_OK(stage.cpu.Load(program));

    ASSERT_THAT(RunAndSupply(stage, EntryOf(level->to)), IsDone());

    EXPECT_EQ(stage.cpu.result(before).value, MarkOf(kData));
    EXPECT_EQ(stage.EntryNow(level->table), EntryOf(level->to));
    EXPECT_EQ(stage.cpu.result(program.last()).value, MarkOf(kOtherData));
  }
};

// After INVLPG no access is translated by the old entry, however the new one was stored.
KCT_TEST_P(ShadowStore, IsSeenAfterInvlpg, "SHADOW-01", "SHADOW-10") {
  ExpectNewEntryAfter(GetParam(), Flush::kInvlpg);
}

// Nor after CR3 was loaded.
KCT_TEST_P(ShadowStore, IsSeenAfterALoadOfCr3, "SHADOW-01", "SHADOW-10") {
  ExpectNewEntryAfter(GetParam(), Flush::kCr3);
}
KCT_INSTANTIATE(ShadowStore);

}  // namespace
}  // namespace kct
