// SPDX-License-Identifier: GPL-2.0-only
// KVM remembers which addresses were MMIO; an update of the slots makes it forget.
#include "harness/base/patience.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

class MemslotMmio : public VmTest<> {};
class MemslotMmioWithoutQuirk : public VmTest<Need::kZapAllQuirk> {};
class MemslotMmioWrap : public LongTest<Need::kTdp, Need::kZapAllQuirk, Need::kMmioTurn> {};

// Reads kHome again and again, with an OUT to port 1 after each time.
Program ReadAgainAndAgain() { return Program().Read64(kHome).Out(1, 0).RepeatUntilFlag(); }

// A round of it in which kHome must be MMIO.
void ExpectMmioRound(GuestCpu& cpu) {
  ASSERT_THAT(cpu.Run(), IsMmioRead(kHome));
  cpu.AnswerMmio(0);
  ASSERT_THAT(cpu.Run(), IsOut(1));
}

// One in which it must be memory that holds `value`.
void ExpectMemoryRound(GuestCpu& cpu, uint64_t value) {
  ASSERT_THAT(cpu.Run(), IsOut(1));
  ASSERT_EQ(cpu.result(0).value, value);
}

// Takes the slot away and puts it back a few times; what was MMIO twice is memory at once.
void ExpectMmioForgotten(GuestScene& scene) {
  ASSERT_OK(scene.cpu.Load(ReadAgainAndAgain()));
  for (uint64_t cycle = 1; cycle <= 10; ++cycle) {
    ASSERT_THAT(scene.slot.Delete(), Succeeds());
    ASSERT_NO_FATAL_FAILURE(ExpectMmioRound(scene.cpu));
    ASSERT_NO_FATAL_FAILURE(ExpectMmioRound(scene.cpu));
    scene.Word() = cycle;
    ASSERT_THAT(scene.slot.Restore(), Succeeds());
    ASSERT_NO_FATAL_FAILURE(ExpectMemoryRound(scene.cpu, cycle));
  }
}

// MMIO that KVM remembers ends with the call that puts a slot there, and begins again with its
// delete.
KCT_TEST(MemslotMmio, EndsWithTheSlotThatCoversIt, "MEMSLOT-34", "MEMSLOT-28") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());

  ExpectMmioForgotten(scene);
}

// The same where an update drops nothing but what it must.
KCT_TEST(MemslotMmioWithoutQuirk, EndsWithTheSlotThatCoversIt, "MEMSLOT-34", "MEMSLOT-28") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.zap_all = ZapAllQuirk::kOff}));

  ExpectMmioForgotten(scene);
}

// A slot that moves onto remembered MMIO ends it as well.
KCT_TEST(MemslotMmioWithoutQuirk, EndsWithTheSlotThatMovesThere, "MEMSLOT-34", "MEMSLOT-29") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.zap_all = ZapAllQuirk::kOff}));
  ASSERT_THAT(scene.slot.MoveTo(2_GiB_gpa), Succeeds());
  ASSERT_OK(scene.cpu.Load(ReadAgainAndAgain()));
  ASSERT_NO_FATAL_FAILURE(ExpectMmioRound(scene.cpu));
  ASSERT_NO_FATAL_FAILURE(ExpectMmioRound(scene.cpu));
  scene.Word() = 7;

  ASSERT_THAT(scene.slot.MoveTo(kHome), Succeeds());

  ASSERT_NO_FATAL_FAILURE(ExpectMemoryRound(scene.cpu, 7));
}

constexpr uint64_t kTurn = uint64_t{1} << 17;  // updates until the generation comes again
constexpr Duration kPatience = 100s;           // enough for 700 us an update

// Toggles dirty logging of a slot so many times: each is one update and drops nothing, so that
// what KVM remembers has only its age to tell that it is old. The toggles made when patience ends.
uint64_t Toggle(Memslot& slot, uint64_t times) {
  const Instant deadline = GiveUpAfter(kPatience);
  uint64_t done = 0;
  while (done < times && Clock::now() < deadline) {
    if (!slot.SetFlags(slot.region().flags ^ KVM_MEM_LOG_DIRTY_PAGES).ok()) break;
    ++done;
  }
  return done;
}

// MMIO remembered exactly one turn of the generation counter ago is not taken for fresh: the slot
// that came with the last update is memory.
KCT_TEST(MemslotMmioWrap, IsNotMistakenForFreshAfterATurn, "MEMSLOT-35") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make({.zap_all = ZapAllQuirk::kOff}));
  ASSERT_OK_AND_ASSIGN(Memslot other, scene.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = Pages(1)}));
  ASSERT_OK(scene.cpu.Load(ReadAgainAndAgain()));
  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  ASSERT_NO_FATAL_FAILURE(ExpectMmioRound(scene.cpu));
  ASSERT_NO_FATAL_FAILURE(ExpectMmioRound(scene.cpu));

  ASSERT_REACHED(Toggle(other, kTurn - 1) == kTurn - 1, "a turn of the generation in 100 s");
  ASSERT_THAT(scene.slot.Restore(), Succeeds());
  scene.Word() = 7;

  ASSERT_NO_FATAL_FAILURE(ExpectMemoryRound(scene.cpu, 7));
  ASSERT_THAT(scene.slot.Delete(), Succeeds());
  ASSERT_NO_FATAL_FAILURE(ExpectMmioRound(scene.cpu));
}

}  // namespace
}  // namespace kct
