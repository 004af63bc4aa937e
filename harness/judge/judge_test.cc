// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/judge.h"

#include <gmock/gmock.h>

#include <cerrno>

#include "harness/judge/story.h"

namespace kct {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr uint64_t kGpa = 0x100000000;

// One call after the other, as claimed, has an explanation.
TEST(Judge, ExplainsWhatTheModelDoes) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  story.Call("main", story.PreFault(0, kGpa, 4), {.address = kGpa + 0x4000});
  story.Call("main", story.DeleteSlot(1), {});
  story.Call("main", story.PreFault(0, kGpa, 4), story.Unchanged(kGpa, 4, ENOENT));
  EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kExplained);
}

// A prefault of a slot that stands is not ENOENT; the core is that call alone.
TEST(Judge, NamesTheOneCallThatIsWrong) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  story.Call("main", story.PreFault(0, kGpa, 4), story.Unchanged(kGpa, 4, ENOENT));
  story.Call("main", story.DeleteSlot(1), {});

  const Judgement judgement = Judge(story.recording(), {});

  EXPECT_EQ(judgement.answer, Answer::kContradicted);
  ASSERT_EQ(judgement.core.size(), 1u);
  EXPECT_EQ(judgement.core[0].call, 1u);
  EXPECT_THAT(judgement.Clauses(), ElementsAre("PREFAULT-18"));
  EXPECT_THAT(judgement.context, ElementsAre(0u));
}

// A prefault that overlaps the delete of its slot may do part, say EAGAIN, or ENOENT.
TEST(Judge, AllowsEachAnswerOfAnOverlap) {
  for (const model::Outcome& outcome :
       {model::Outcome{.left = 0x2000, .address = kGpa + 0x2000}, Story::Unchanged(kGpa, 4, EAGAIN),
        Story::Unchanged(kGpa, 4, ENOENT)}) {
    Story story;
    story.Call("main", story.CreateSlot(1, kGpa, 4), {});
    story.CallAt(100, 200, "delete", story.DeleteSlot(1), {});
    story.CallAt(150, 250, "prefault", story.PreFault(0, kGpa, 4), outcome);
    EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kExplained)
        << outcome.ToString(model::Kind::kPreFault);
  }
}

// Not so after the delete has returned: EAGAIN has ended with it.
TEST(Judge, RefusesEagainAfterTheUpdate) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  story.CallAt(100, 200, "delete", story.DeleteSlot(1), {});
  story.CallAt(210, 250, "prefault", story.PreFault(0, kGpa, 4), story.Unchanged(kGpa, 4, EAGAIN));

  const Judgement judgement = Judge(story.recording(), {});

  EXPECT_EQ(judgement.answer, Answer::kContradicted);
  EXPECT_THAT(judgement.Clauses(), ElementsAre("PREFAULT-15"));
}

// While a slot moves by a page, its middle is never without a slot.
TEST(Judge, RefusesNoSlotInACoveringMove) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  story.CallAt(100, 200, "move", story.MoveSlot(1, kGpa + 0x1000), {});
  story.CallAt(150, 250, "prefault", story.PreFault(0, kGpa + 0x1000, 1),
               story.Unchanged(kGpa + 0x1000, 1, ENOENT));

  const Judgement judgement = Judge(story.recording(), {});

  EXPECT_EQ(judgement.answer, Answer::kContradicted);
  ASSERT_EQ(judgement.core.size(), 1u);
  EXPECT_THAT(judgement.core[0].allowed, UnorderedElementsAre("0", "EAGAIN"));
  EXPECT_THAT(judgement.Clauses(), ElementsAre("PREFAULT-18", "PREFAULT-38"));
}

// What the guest reads once a delete has returned can't come from the slot.
TEST(Judge, RefusesOldMemoryAfterADelete) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  story.CallAt(50, 300, "vcpu0", story.Run(0), {});
  story.CallAt(60, 70, "guest", story.Write(0, kGpa, 7), {});
  story.CallAt(100, 200, "delete", story.DeleteSlot(1), {});
  story.CallAt(210, 220, "guest", story.Read(0, kGpa), {.value = 7});

  const Judgement judgement = Judge(story.recording(), {});

  EXPECT_EQ(judgement.answer, Answer::kContradicted);
  EXPECT_THAT(judgement.Clauses(), ElementsAre("MEMSLOT-28"));
}

// During the delete both are right: the memory, and no memory any more.
TEST(Judge, AllowsOldMemoryDuringADelete) {
  for (const model::Outcome& outcome : {model::Outcome{.value = 7}, model::Outcome{.mmio = true}}) {
    Story story;
    story.Call("main", story.CreateSlot(1, kGpa, 4), {});
    story.CallAt(50, 300, "vcpu0", story.Run(0), {});
    story.CallAt(60, 70, "guest", story.Write(0, kGpa, 7), {});
    story.CallAt(100, 200, "delete", story.DeleteSlot(1), {});
    story.CallAt(150, 160, "guest", story.Read(0, kGpa), outcome);
    EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kExplained);
  }
}

// A word reads as what was written last, also from two places that could be either order.
TEST(Judge, FollowsTheValuesOfWords) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  story.CallAt(50, 500, "vcpu0", story.Run(0), {});
  story.CallAt(55, 500, "vcpu1", story.Run(1), {});
  story.CallAt(60, 100, "guest 0", story.Write(0, kGpa, 7), {});
  story.CallAt(60, 100, "guest 1", story.Write(1, kGpa, 8), {});
  story.CallAt(110, 120, "guest 0", story.Read(0, kGpa), {.value = 7});
  EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kExplained);
  story.CallAt(130, 140, "guest 1", story.Read(1, kGpa), {.value = 8});
  EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kContradicted);
}

// A prefault that was seen parked in its page holds the delete off.
TEST(Judge, UsesWhatWasSeenMeanwhile) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  const uint32_t prefault =
      story.CallAt(100, 400, "prefault", story.PreFault(0, kGpa, 4), {.address = kGpa + 0x4000});
  story.CallAt(150, 300, "delete", story.DeleteSlot(1), {});
  EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kExplained);
  story.See(120, prefault, model::Phase::kReading);
  EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kExplained);
  story.See(350, prefault, model::Phase::kReading);

  EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kContradicted)
      << "the delete returned while the prefault was under way";
}

// Two calls that hang: the one that has no reason to is the core.
TEST(Judge, NamesThePromiseOfProgressThatAHangBreaks) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  const uint32_t prefault = story.HangFrom(100, "prefault", story.PreFault(0, kGpa, 4));
  story.See(120, prefault, model::Phase::kReading);
  const uint32_t remove = story.HangFrom(150, "delete", story.DeleteSlot(1));
  story.See(200, remove, model::Phase::kInvalidated);

  const Judgement judgement = Judge(story.recording(), {});

  EXPECT_EQ(judgement.answer, Answer::kContradicted);
  ASSERT_EQ(judgement.core.size(), 1u);
  EXPECT_EQ(judgement.core[0].call, prefault);
  EXPECT_THAT(judgement.Clauses(), ElementsAre("PREFAULT-36"));
}

// Where nobody saw how far the two had come, a promise of progress is named rather than the errno
// of a prefault that comes too late.
TEST(Judge, PrefersAPromiseOfProgressForAHangNobodyLookedInto) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  const uint32_t prefault = story.HangFrom(100, "prefault", story.PreFault(0, kGpa, 4));
  story.HangFrom(150, "delete", story.DeleteSlot(1));

  const Judgement judgement = Judge(story.recording(), {});

  EXPECT_EQ(judgement.answer, Answer::kContradicted);
  ASSERT_EQ(judgement.core.size(), 1u);
  EXPECT_EQ(judgement.core[0].call, prefault);
  EXPECT_THAT(judgement.core[0].allowed, ElementsAre("EAGAIN"));
  EXPECT_THAT(judgement.Clauses(), ElementsAre("PREFAULT-36"));
}

// A call that waits for one which host memory keeps waiting has every right to.
TEST(Judge, AllowsAHangThatHasAReason) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  model::Operation parked = story.PreFault(0, kGpa, 4);
  parked.may_fault = true;
  story.See(120, story.HangFrom(100, "prefault", parked), model::Phase::kReading);
  story.HangFrom(150, "delete", story.DeleteSlot(1));

  EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kExplained);
}

// What the answer of a call was does not matter where the recording says so; that it happened does.
TEST(Judge, TakesAnyAnswerWhereNoneIsJudged) {
  Story story;
  Recording recording = [&] {
    story.Call("main", story.CreateSlot(1, kGpa, 4), {.error = Errno(EIO)});
    story.Call("main", story.PreFault(0, kGpa, 4), {.address = kGpa + 0x4000});
    return story.recording();
  }();
  EXPECT_EQ(Judge(recording, {}).answer, Answer::kContradicted);
  recording.calls[0].any_answer = true;
  EXPECT_EQ(Judge(recording, {}).answer, Answer::kExplained);
  recording.calls[1].seen = Story::Unchanged(kGpa, 4, ENOENT);
  EXPECT_EQ(Judge(recording, {}).answer, Answer::kContradicted);
}

// A call that never reached KVM is not part of the story, nor is what was seen of it.
TEST(Judge, LeavesOutWhatNeverReachedKvm) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  story.See(4, story.Call("main", story.DeleteSlot(1), {.error = Errno(EFAULT)}),
            model::Phase::kInvalidated);
  Recording recording = story.recording();
  EXPECT_EQ(Judge(recording, {}).answer, Answer::kContradicted);
  recording.calls[1].refused = true;
  EXPECT_EQ(Judge(recording, {}).answer, Answer::kExplained);
}

// What the guest reads at the old place once a move has returned can't come from the slot.
TEST(Judge, RefusesOldMemoryAfterAMove) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  story.CallAt(50, 300, "vcpu0", story.Run(0), {});
  story.CallAt(60, 70, "guest", story.Write(0, kGpa, 7), {});
  story.CallAt(100, 200, "move", story.MoveSlot(1, kGpa + 0x100000), {});
  story.CallAt(210, 220, "guest", story.Read(0, kGpa), {.value = 7});

  const Judgement judgement = Judge(story.recording(), {});

  EXPECT_EQ(judgement.answer, Answer::kContradicted);
  ASSERT_EQ(judgement.core.size(), 1u);
  EXPECT_EQ(judgement.core[0].call, 4u);
  EXPECT_THAT(judgement.core[0].allowed, ElementsAre("MMIO"));
}

// Of a long recording the core is found among the last calls before the contradiction.
TEST(Judge, FindsTheCoreAtTheEndOfALongRecording) {
  Story story;
  for (int i = 0; i < 300; ++i) {
    story.Call("main", story.CreateSlot(1, kGpa, 4), {});
    story.Call("main", story.DeleteSlot(1), {});
  }
  const uint32_t wrong = story.Call("main", story.PreFault(0, kGpa, 1), {.address = kGpa + 0x1000});

  const Judgement judgement = Judge(story.recording(), {});

  EXPECT_EQ(judgement.answer, Answer::kContradicted);
  EXPECT_TRUE(judgement.core_is_minimal);
  ASSERT_EQ(judgement.core.size(), 1u);
  EXPECT_EQ(judgement.core[0].call, wrong);
  EXPECT_THAT(judgement.Clauses(), ElementsAre("PREFAULT-15"));
}

// A recording that breaks an assumption is not judged.
TEST(Judge, GivesUpWithAReason) {
  Story story;
  story.CallAt(200, 100, "main", story.DeleteSlot(1), {});
  EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kGaveUp);
  EXPECT_EQ(Judge(story.recording(), {}).why, "call 0 ends before it begins");

  Story seen_too_late;
  seen_too_late.See(50, seen_too_late.CallAt(10, 20, "main", Story::Run(0), {}),
                    model::Phase::kInGuest);
  EXPECT_EQ(Judge(seen_too_late.recording(), {}).why,
            "a sighting of call 0 when it was not under way");
}

}  // namespace
}  // namespace kct
