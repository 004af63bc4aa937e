// SPDX-License-Identifier: GPL-2.0-only
// The log is read, and its slot moved, while the guest writes: no write is lost.
#include <array>
#include <functional>
#include <memory>
#include <utility>

#include "harness/race/actor.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

constexpr uint64_t kPages = 8;
constexpr Gpa kElsewhere = 4_GiB_gpa;

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

// A guest that writes to all pages of a logged slot, and what is known of its writes.
class Writes {
 public:
  static Result<Writes> Begin() {
    KCT_TRY(GuestScene scene,
            GuestScene::Make({.pages = kPages, .flags = KVM_MEM_LOG_DIRTY_PAGES}));
    auto made = std::make_unique<GuestScene>(std::move(scene));
    Program program;
    program.LoopStart();
    for (uint64_t page = 0; page < kPages; ++page) program.AtomicAdd(kHome + Pages(page), 1);
    KCT_TRY_STATUS(made->cpu.Load(program.RepeatUntilFlag()));
    return Writes(std::move(made));
  }

  GuestScene& scene() { return *scene_; }

  // Does `between` and reads the log, again and again, until the guest wrote meanwhile `wanted`
  // times. Whether it came to that.
  bool Meet(int wanted, const std::function<void()>& between) {
    // While the slot is elsewhere, the guest writes to MMIO.
    const auto runs_on = [](const GuestExit& guest_exit) {
      const bool mmio = guest_exit.kind == ExitKind::kMmio;
      return mmio ? VcpuRunner::Then::kRunOn : VcpuRunner::Then::kStop;
    };
    Actor run("run");
    run.Start([&] {
      ScopedBudget budget(kLongRun);
      return scene_->cpu.RunUntilDone(runs_on).call.Record();
    });
    const Instant deadline = Clock::now() + 20s;
    int met = 0;
    while (met < wanted && Clock::now() < deadline) {
      const Words start = before_;
      between();
      Look();
      if (before_ != start) ++met;
    }
    scene_->cpu.RaiseFlag();
    EXPECT_THAT(run.Finish(), Succeeds());
    Look();
    Look();  // for what changed during the last but one
    return met >= wanted;
  }

 private:
  explicit Writes(std::unique_ptr<GuestScene> scene)
      : scene_(std::move(scene)), before_(WordsOf(*scene_)) {}

  // A page that changed between two looks, each taken after a reading, is in the reading between
  // them or in the next.
  void Look() {
    uint64_t log = 0;
    EXPECT_THAT(scene_->vm.GetDirtyLog(scene_->slot.id(), &log), Succeeds());
    // Those of the time before are in this reading at the latest.
    EXPECT_EQ(changed_ & ~log, 0u) << "pages that were written and are in neither reading";
    const Words after = WordsOf(*scene_);
    changed_ = Changes(before_, after) & ~log;
    before_ = after;
  }

  std::unique_ptr<GuestScene> scene_;
  Words before_;
  uint64_t changed_ = 0;  // and not logged yet
};

// No write is lost between two readings.
KCT_TEST(DirtyLogRaces, LoseNoWriteBetweenReadings, "DIRTY-03", "DIRTY-01") {
  ASSERT_OK_AND_ASSIGN(Writes writes, Writes::Begin());

  const bool met = writes.Meet(100, [] {});

  ASSERT_REACHED(met, "the guest writes while its log is read");
}

// None is lost while the slot moves away and comes back.
KCT_TEST(DirtyLogRaces, LoseNoWriteToASlotThatMoves, "DIRTY-14", "DIRTY-03") {
  ASSERT_OK_AND_ASSIGN(Writes writes, Writes::Begin());

  const bool met = writes.Meet(25, [&] {
    EXPECT_THAT(writes.scene().slot.MoveTo(kElsewhere), Succeeds());
    EXPECT_THAT(writes.scene().slot.MoveTo(kHome), Succeeds());
  });

  ASSERT_REACHED(met, "the guest writes while its slot moves");
}

}  // namespace
}  // namespace kct
