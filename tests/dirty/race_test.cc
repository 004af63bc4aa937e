// SPDX-License-Identifier: GPL-2.0-only
// The log is read while the guest writes: no write is lost between two readings.
#include <array>

#include "harness/race/actor.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

constexpr uint64_t kPages = 8;
constexpr int kWanted = 100;  // readings during which the guest wrote

constexpr Duration kLongRun = 60s;  // of the guest, until its flag is raised

class DirtyLogRaces : public RaceTest<> {};

using Words = std::array<uint64_t, kPages>;

Words WordsOf(const GuestScene& scene) {
  Words words;
  for (uint64_t page = 0; page < kPages; ++page) words[page] = scene.Word(page);
  return words;
}

// Bits of the pages in which two looks differ.
uint64_t Changes(const Words& before, const Words& after) {
  uint64_t bits = 0;
  for (uint64_t page = 0; page < kPages; ++page) {
    if (before[page] != after[page]) bits |= uint64_t{1} << page;
  }
  return bits;
}

// A page that changed between two looks, each taken after a reading, is in the reading between them
// or in the next.
KCT_TEST(DirtyLogRaces, LoseNoWriteBetweenReadings, "DIRTY-03", "DIRTY-01") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene,
                       GuestScene::Make({.pages = kPages, .flags = KVM_MEM_LOG_DIRTY_PAGES}));
  Program program;
  program.LoopStart();
  for (uint64_t page = 0; page < kPages; ++page) program.AtomicAdd(kHome + Pages(page), 1);
  ASSERT_OK(scene.cpu.Load(program.RepeatUntilFlag()));
  Actor run("run");
  run.Start([&] {
    ScopedBudget budget(kLongRun);
    return scene.cpu.Run().call.Record();
  });

  int met = 0;
  uint64_t changed = 0, log = 0;
  Words before = WordsOf(scene);
  const Instant deadline = Clock::now() + 20s;
  const auto look = [&] {
    EXPECT_THAT(scene.vm.GetDirtyLog(scene.slot.id(), &log), Succeeds());
    // Those of the time before are in this reading at the latest.
    EXPECT_EQ(changed & ~log, 0u) << "pages that were written and are in neither reading";
    const Words after = WordsOf(scene);
    changed = Changes(before, after) & ~log;
    before = after;
  };
  while (met < kWanted && Clock::now() < deadline) {
    const Words start = before;
    look();
    if (before != start) ++met;
  }
  scene.cpu.RaiseFlag();
  EXPECT_THAT(run.Finish(), Succeeds());
  look();
  look();  // for what changed during the last but one

  ASSERT_REACHED(met >= kWanted, "the guest writes while its log is read");
}

}  // namespace
}  // namespace kct
