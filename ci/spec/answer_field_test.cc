// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/answer_field.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(AnswerField, HasACallItsAnswersAndWhen) {
  auto answers = ParseAnswerField("KVM_SING 0 | EAGAIN when the choir is late");
  ASSERT_TRUE(answers) << answers.error().message;
  ASSERT_EQ(answers->size(), 1u);
  EXPECT_EQ(answers->front().call, "KVM_SING");
  EXPECT_THAT(answers->front().outcomes, ElementsAre("0", "EAGAIN"));
  EXPECT_EQ(answers->front().when, "the choir is late");
}

// "when" may come again in the text.
TEST(AnswerField, AnAnswerWithoutCallBelongsToTheCallBefore) {
  auto answers =
      ParseAnswerField("KVM_CHECK_EXTENSION(KVM_CAP_SONG) 1 when sung; 0 when hummed when late");
  ASSERT_TRUE(answers) << answers.error().message;
  ASSERT_EQ(answers->size(), 2u);
  EXPECT_EQ((*answers)[1].call, "KVM_CHECK_EXTENSION(KVM_CAP_SONG)");
  EXPECT_EQ((*answers)[1].when, "hummed when late");
}

TEST(AnswerField, KnowsSystemCallsAndLaterVersions) {
  auto answers = ParseAnswerField("mmap EINVAL when odd; KVM_SING* 0 when even");
  ASSERT_TRUE(answers) << answers.error().message;
  EXPECT_EQ((*answers)[0].call, "mmap");
  EXPECT_EQ((*answers)[1].call, "KVM_SING*");
}

TEST(AnswerField, NothingHasNoAnswers) { EXPECT_THAT(ParseAnswerField("").value(), IsEmpty()); }

TEST(AnswerField, NamesAreErrnosSignalsAndReasons) {
  auto answers = ParseAnswerField(
      "KVM_RUN EFAULT+KVM_EXIT_MEMORY_FAULT | 0 when x; access SIGBUS when y; KVM_RUN KVM_EXIT_IO "
      "when z");
  ASSERT_TRUE(answers) << answers.error().message;
  EXPECT_THAT(NamesIn(*answers),
              ElementsAre("EFAULT", "KVM_EXIT_IO", "KVM_EXIT_MEMORY_FAULT", "SIGBUS"));
}

struct BadField {
  const char* name;
  const char* text;
  const char* message;
};
void PrintTo(const BadField& field, std::ostream* out) { *out << field.name; }

class AnswerFieldThat : public testing::TestWithParam<BadField> {};

TEST_P(AnswerFieldThat, IsMalformedIsRefused) {
  const auto answers = ParseAnswerField(GetParam().text);
  ASSERT_FALSE(answers);
  EXPECT_THAT(answers.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, AnswerFieldThat,
    testing::Values(BadField{"NoWhen", "KVM_SING EINVAL", "is not of the form"},
                    BadField{"NoAnswer", "KVM_SING 0 when late; KVM_SING when late",
                             "'KVM_SING' is no answer"},
                    BadField{"NoCall", "EINVAL when late", "'EINVAL when late' names no call"},
                    BadField{"UnknownErrno", "KVM_SING EBAD when late", "'EBAD' is no answer"},
                    BadField{"ReasonFirst", "KVM_RUN KVM_EXIT_IO+EFAULT when late", "is no answer"},
                    BadField{"Three", "KVM_RUN EIO+KVM_EXIT_IO+KVM_EXIT_IO when late", "no answer"},
                    BadField{"CommaForBar", "KVM_SING 0, EIO when late", "is not of the form"},
                    BadField{"EmptyEntry", "KVM_SING 0 when late;", "'' is not of the form"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace kct
