// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/doc_field.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::IsEmpty;

TEST(DocField, ASentenceIsNamedByHeadingWordsAndHash) {
  auto entries = ParseDocField("4.1 KVM_SING \"EINVAL\" sha:0123456789");
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_EQ(entries->front().document, "api.rst");
  EXPECT_EQ(entries->front().heading, "4.1 KVM_SING");
  EXPECT_EQ(entries->front().label, "EINVAL");
  EXPECT_EQ(entries->front().hash, "0123456789");
  EXPECT_FALSE(entries->front().IsSilent());
}

TEST(DocField, ASectionMayBeSilent) {
  auto entries = ParseDocField("x86/songs.rst: Lullabies, and how to sing silent");
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_EQ(entries->front().document, "x86/songs.rst");
  EXPECT_EQ(entries->front().heading, "Lullabies, and how to sing");
  EXPECT_TRUE(entries->front().IsSilent());
}

TEST(DocField, AnEntryWithoutHeadingStaysInTheSectionOfTheOneBefore) {
  auto entries = ParseDocField(
      "include/songs.h: comments \"One\" sha:0123456789; \"Two\" sha:9876543210; 4.2 KVM_HUM "
      "silent");
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[1].document, "include/songs.h");
  EXPECT_EQ((*entries)[1].heading, "comments");
  EXPECT_EQ((*entries)[1].label, "Two");
  EXPECT_EQ((*entries)[2].document, "api.rst");
}

TEST(DocField, NoneAndNothingHaveNoEntries) {
  EXPECT_THAT(ParseDocField("none").value(), IsEmpty());
  EXPECT_THAT(ParseDocField("").value(), IsEmpty());
}

TEST(DocField, AnEntryIsRenderedAsItIsWritten) {
  for (const char* text : {"4.1 KVM_SING \"EINVAL\" sha:0123456789", "a/b.rst: Title silent"}) {
    EXPECT_EQ(RenderDocEntry(ParseDocField(text).value().front()), text);
  }
}

struct BadField {
  const char* name;
  const char* text;
  const char* message;
};
void PrintTo(const BadField& field, std::ostream* out) { *out << field.name; }

class DocFieldThat : public testing::TestWithParam<BadField> {};

TEST_P(DocFieldThat, IsMalformedIsRefused) {
  const auto entries = ParseDocField(GetParam().text);
  ASSERT_FALSE(entries);
  EXPECT_THAT(entries.error().message, testing::HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, DocFieldThat,
    testing::Values(BadField{"NoHash", "4.1 KVM_SING \"EINVAL\"", "is not of the form"},
                    BadField{"ShortHash", "4.1 KVM_SING \"EINVAL\" sha:012", "is not of the form"},
                    BadField{"NoLabel", "4.1 KVM_SING sha:0123456789", "is not of the form"},
                    BadField{"EmptyEntry", "4.1 KVM_SING silent;", "'' is not of the form"},
                    BadField{"NoneAmongOthers", "4.1 KVM_SING silent; none", "'none' is not"},
                    BadField{"FirstWithoutHeading", "\"EINVAL\" sha:0123456789", "no heading"},
                    BadField{"SilentWithoutHeading", "silent", "no heading"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace kct
