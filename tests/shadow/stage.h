// SPDX-License-Identifier: GPL-2.0-only
// Stage: a guest with page tables of its own, which it can write: a root entry of its upper half
// leads through a pointer table and a directory to a table of the last level, all of them pages of
// the slot at kHome.
//
//   kWindow ── kPointers ── kDirectory ── kTable ── kData
//                                         kOtherTable ── kOtherData
//
// The first entry of the directory leads to kTable or to kOtherTable, and the first one of each of
// these to a page of its own: what a read through the window finds says by which entries it was
// translated.
#pragma once

#include <span>

#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {

// Where the guest finds what its own tables lead to.
inline constexpr Gpa kWindow{guest::kUpperHalf};

// Pages of the slot.
inline constexpr uint64_t kPointers = 0, kDirectory = 1, kTable = 2, kOtherTable = 3, kData = 4,
                          kOtherData = 5, kSource = 6, kCode = 7, kStagePages = 16;

// Present, writable, for everybody, accessed, dirty: KVM has nothing to add.
inline constexpr uint64_t kEntryFlags = 0x67;
inline constexpr Bytes kEntry{8};
// The first entry of the directory, and so of a table, is for the first page of the window.
inline constexpr uint64_t kTheEntry = 0;

inline constexpr Gpa PageAt(uint64_t page) { return kHome + Pages(page); }
inline constexpr uint64_t EntryOf(uint64_t page) { return PageAt(page).value | kEntryFlags; }
inline constexpr Gpa EntryAt(uint64_t table, uint64_t index = kTheEntry) {
  return PageAt(table) + Bytes{index * kEntry.count};
}
// What the first word of each page holds that a window can show.
inline constexpr uint64_t MarkOf(uint64_t page) { return 0x6d61'726b'0000'0000 + page; }

struct Stage : GuestScene {
  static Result<Stage> Make(const SceneOptions& options = {.pages = kStagePages}) {
    KCT_TRY(GuestScene scene, GuestScene::Make(options));
    Stage stage{std::move(scene)};
    for (const uint64_t page : {kData, kOtherData}) stage.Word(page) = MarkOf(page);
    stage.Write(kPointers, kTheEntry, EntryOf(kDirectory));
    stage.Write(kDirectory, kTheEntry, EntryOf(kTable));
    stage.Write(kTable, kTheEntry, EntryOf(kData));
    stage.Write(kOtherTable, kTheEntry, EntryOf(kOtherData));
    stage.Word(kSource) = EntryOf(kOtherTable);
    stage.Enter(EntryOf(kPointers));
    return stage;
  }

  // An entry of a table, as the host writes it.
  void Write(uint64_t table, uint64_t index, uint64_t entry) const {
    slot.memory().Word(Pages(table) + Bytes{index * kEntry.count}) = entry;
  }
  uint64_t EntryNow(uint64_t table, uint64_t index = kTheEntry) const {
    return slot.memory().Word(Pages(table) + Bytes{index * kEntry.count});
  }
  // An entry of the interpreter's root, of those that are for the upper half.
  void Enter(uint64_t entry, uint64_t number = 0) const {
    constexpr Bytes kRoot{0x2000};
    constexpr uint64_t kUpperHalfInRoot = 256;
    machine.slot().memory().Word(kRoot + kEntry * (kUpperHalfInRoot + number)) = entry;
  }

  // Makes `program` the next thing that who reads through the window does.
  Status LoadReader(const Program& program) { return cpu.Load(program); }
  // What the architecture wants once an entry has changed: one operation of such a program.
  static Program& Flush(Program& program) { return program.InvalidatePage(kWindow); }

  // A statistic of the VM, or of its vCPU.
  uint64_t Count(std::string_view name) const { return ValueOf(vm.Statistic(name)); }
  uint64_t CountOfVcpu(std::string_view name) const { return ValueOf(cpu.vcpu().Statistic(name)); }

 private:
  explicit Stage(GuestScene scene) : GuestScene(std::move(scene)) {}
  static uint64_t ValueOf(Result<uint64_t> count) {
    EXPECT_TRUE(count.ok()) << count.error().message;
    return count.ok() ? *count : 0;
  }
};

// Where a program of these tests stops, for the host to look around.
inline constexpr uint16_t kStop = 1;

// Machine code at the start of page `page` of the slot, which the window shows where the test says.
inline void WriteCode(const Stage& stage, uint64_t page, std::span<const uint8_t> code) {
  for (uint64_t i = 0; i < code.size(); ++i) {
    stage.slot.memory().At<uint8_t>(Pages(page) + Bytes{i}) = code[i];
  }
}

}  // namespace kct
