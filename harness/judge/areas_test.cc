// SPDX-License-Identifier: GPL-2.0-only
// Histories of the other areas: what the judge compares of their answers.
#include <gmock/gmock.h>

#include "harness/abi/uapi.h"
#include "harness/judge/judge.h"
#include "harness/judge/story.h"

namespace kct {
namespace {

using model::Kind;
using model::Operation;
using testing::Contains;

constexpr uint64_t kGpa = 0x100000000;
constexpr uint64_t kPage = model::kPageBytes;
constexpr uint64_t kTable = kGpa + 0x100;

// A slot of four pages whose memory is file 0, and a guest in it that has written 7 to its start.
Story FileStory() {
  Story story;
  story.Call("main",
             {.kind = Kind::kCreateGuestMemfd,
              .flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED,
              .size = 4 * kPage},
             {});
  Operation slot = story.CreateSlot(1, kGpa, 4);
  slot.second_version = true;
  slot.flags = KVM_MEM_GUEST_MEMFD;
  slot.gmem = 0;
  story.Call("main", slot, {});
  story.HangFrom(100, "vcpu", Story::Run(0));
  story.CallAt(110, 120, "vcpu", Story::Write(0, kGpa, 7), {});
  return story;
}

Operation PunchFirstPage() { return {.kind = Kind::kPunchGuestMemfd, .size = kPage, .gmem = 0}; }

// After a punch has returned the guest can't have read the old page.
TEST(JudgeOfAreas, ReadOfAPunchedPageIsContradicted) {
  Story story = FileStory();
  story.CallAt(200, 300, "main", PunchFirstPage(), {});
  story.CallAt(310, 320, "vcpu", Story::Read(0, kGpa), {.value = 7});
  const Judgement judgement = Judge(story.recording(), {});
  EXPECT_EQ(judgement.answer, Answer::kContradicted) << judgement.why;
}

// While the punch was under way the old page was as good as none.
TEST(JudgeOfAreas, ReadDuringAPunchIsExplained) {
  for (const uint64_t word : {uint64_t{7}, uint64_t{0}}) {
    Story story = FileStory();
    story.CallAt(200, 300, "main", PunchFirstPage(), {});
    story.CallAt(210, 220, "vcpu", Story::Read(0, kGpa), {.value = word});
    EXPECT_EQ(Judge(story.recording(), {}).answer, Answer::kExplained) << word;
  }
}

// What the guest is told is part of the history.
TEST(JudgeOfAreas, AnswerToAHypercallIsCompared) {
  for (const uint64_t told : {uint64_t{5}, uint64_t{6}}) {
    Story story;
    story.Call("main", {.kind = Kind::kEnableExits, .value = 1 << 12}, {});
    story.HangFrom(100, "vcpu", Story::Run(0));
    story.CallAt(110, 120, "vcpu", {.kind = Kind::kMapGpaRange, .address = kGpa, .size = kPage},
                 {.left = kPage, .address = kGpa, .exits = true});
    story.CallAt(130, 140, "vcpu", {.kind = Kind::kAnswerExit, .value = 5}, {.value = told});
    EXPECT_EQ(Judge(story.recording(), {}).answer,
              told == 5 ? Answer::kExplained : Answer::kContradicted);
  }
}

// A translation by an entry that was overwritten before is a lost update.
TEST(JudgeOfAreas, LostPageTableWriteIsContradicted) {
  const auto write = [](uint64_t value) {
    return Operation{.kind = Kind::kWritePageTable, .address = kTable, .value = value};
  };
  const Operation translate{.kind = Kind::kTranslate, .vcpu = 1, .address = kTable};
  for (const uint64_t seen : {uint64_t{1}, uint64_t{2}}) {
    Story story;
    story.Call("writer", write(1), {});
    story.CallAt(100, 200, "writer", write(2), {});
    story.CallAt(110, 190, "reader", translate, {.value = 1});
    story.CallAt(210, 220, "reader", translate, {.value = seen});
    EXPECT_EQ(Judge(story.recording(), {}).answer,
              seen == 2 ? Answer::kExplained : Answer::kContradicted);
  }
}

}  // namespace
}  // namespace kct
