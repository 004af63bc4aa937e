// SPDX-License-Identifier: GPL-2.0-only
// Judgements in words, and as pictures.
#include "harness/judge/explain.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <regex>

#include "harness/judge/picture.h"
#include "harness/judge/story.h"
#include "harness/spec/clauses.h"

namespace kct {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr uint64_t kGpa = 0x100000000;

// A prefault that overlaps the delete of its slot and claims that a flag was wrong.
Recording Contradiction() {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  const uint32_t remove = story.CallAt(100'000, 300'000, "delete", story.DeleteSlot(1), {});
  story.CallAt(150'000, 250'000, "prefault <0>", story.PreFault(0, kGpa, 4),
               story.Unchanged(kGpa, 4, EINVAL));
  story.See(200'000, remove, model::Phase::kInvalidated);
  Recording recording = story.recording();
  recording.ticks_per_us = 2000;
  return recording;
}

std::string ExplanationOf(const Recording& recording) {
  return Explain(recording, Judge(recording, {}));
}

// A contradiction shows the call, what overlapped it, what is allowed, and the clause in words.
TEST(Explain, ShowsTheCoreAndWhatItMet) {
  const std::string text = ExplanationOf(Contradiction());
  EXPECT_THAT(text, StartsWith("contradicted: this answer can't be explained\n"));
  EXPECT_THAT(text, HasSubstr(">       75.000 .. 125.000      prefault <0>  PRE_FAULT_MEMORY"));
  EXPECT_THAT(text, HasSubstr("        50.000 .. 150.000      delete        SET_USER_MEMORY"));
  EXPECT_THAT(text, HasSubstr("seen: slot marked, waits for readers"));
  EXPECT_THAT(text, HasSubstr("EINVAL; the model allows "));
  EXPECT_THAT(text, HasSubstr("times in µs"));
  const Judgement judgement = Judge(Contradiction(), {});
  for (const std::string& id : judgement.Clauses()) {
    EXPECT_THAT(text, HasSubstr(fmt::format("{}  {}", id, FindClause(id)->title)));
  }
}

// The other two answers are a line each.
TEST(Explain, SaysWhatWasJudgedOrWhyNot) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  Recording recording = story.recording();
  EXPECT_EQ(ExplanationOf(recording), "explained: 1 of 1 calls judged\n");
  recording.unjudged = {"KVM_SING"};
  recording.calls[0].refused = true;
  EXPECT_EQ(ExplanationOf(recording), "explained: 0 of 1 calls judged\n  not judged: KVM_SING\n");
  recording.calls[0] = {.op = recording.calls[0].op, .begin = 2, .end = 1};
  EXPECT_THAT(ExplanationOf(recording), StartsWith("gave up: call 0 ends before it begins\n"));
}

// A call that hangs says so, and which promise of progress it breaks.
TEST(Explain, NamesThePromiseThatAHangBreaks) {
  Story story;
  story.Call("main", story.CreateSlot(1, kGpa, 4), {});
  story.See(120, story.HangFrom(100, "prefault", story.PreFault(0, kGpa, 4)),
            model::Phase::kReading);
  story.See(200, story.HangFrom(150, "delete", story.DeleteSlot(1)), model::Phase::kInvalidated);
  const std::string text = ExplanationOf(story.recording());
  EXPECT_THAT(text, HasSubstr("(never returned)"));
  EXPECT_THAT(text, HasSubstr("prefault at 0.100: no answer; the model allows EAGAIN"));
  EXPECT_THAT(text, HasSubstr("PREFAULT-36  "));
}

int Count(const std::string& text, const std::string& what) {
  int count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

// The picture has a lane for each actor, a bar for each call, the overlap, and the clauses.
TEST(Picture, ShowsLanesCallsOverlapsAndClauses) {
  const Recording recording = Contradiction();
  const Judgement judgement = Judge(recording, {});
  const std::string svg = SvgPicture(recording, judgement);
  EXPECT_THAT(svg, StartsWith("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_EQ(Count(svg, "class=\"lane\""), 3);
  EXPECT_EQ(Count(svg, "class=\"core\""), 1);
  EXPECT_EQ(Count(svg, "class=\"bar\""), 2);
  EXPECT_EQ(Count(svg, "class=\"meet\""), 1);
  EXPECT_EQ(Count(svg, "class=\"seen\""), 1);
  EXPECT_THAT(svg, HasSubstr("allowed: "));
  for (const std::string& id : judgement.Clauses()) EXPECT_THAT(svg, HasSubstr(id));
  EXPECT_THAT(svg, HasSubstr(">prefault &lt;0&gt;</text>"));
}

// A page needs nothing from elsewhere, closes what it opens, and has both colour schemes.
TEST(Picture, IsSelfContained) {
  const Recording recording = Contradiction();
  const std::string html = HtmlPicture(recording, Judge(recording, {}));
  EXPECT_THAT(html, AllOf(HasSubstr("prefers-color-scheme:dark"), HasSubstr("<svg "),
                          HasSubstr("contradicted: this answer")));
  EXPECT_THAT(html, AllOf(Not(HasSubstr("src=")), Not(HasSubstr("href=")),
                          Not(HasSubstr("@import")), Not(HasSubstr("<script"))));
  for (const char* tag : {"g", "text", "title", "svg", "div", "pre", "p", "style"}) {
    const std::regex open(fmt::format("<{}[ >]", tag));
    const auto opened =
        std::distance(std::sregex_iterator(html.begin(), html.end(), open), std::sregex_iterator());
    EXPECT_EQ(opened, Count(html, fmt::format("</{}>", tag))) << tag;
  }
}

}  // namespace
}  // namespace kct
