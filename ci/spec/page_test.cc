// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/page.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kGood =
    "# Page\n"
    "Prose of any kind.\n"
    "\n"
    "### PREFAULT-05 · A size of zero is an error\n"
    "Claim     A prefault of size 0 fails with EINVAL,\n"
    "          always.\n"
    "Standing  implemented, not documented\n"
    "Source    a.c:\"f\"\n"
    "Doc       4.1 KVM_SING silent;\n"
    "          4.2 KVM_HUM \"EINVAL\" sha:0123456789\n"
    "Answer    KVM_SING EINVAL when size is 0\n"
    "Kernels   6.11..6.17: hangs; 6.18..: EAGAIN\n"
    "Needs     swp | snp\n"
    "Untested  no hardware\n"
    "Unmodelled  no need\n"
    "\n"
    "## Next section\n"
    "More prose.\n";

// kGood with `from` replaced by `to`.
std::string Changed(std::string_view from, std::string_view to) {
  std::string text(kGood);
  return text.replace(text.find(from), from.size(), to);
}

TEST(Page, AClauseIsReadFieldByField) {
  auto clauses = ParsePage("p.md", kGood);
  ASSERT_TRUE(clauses) << clauses.error().message;
  ASSERT_EQ(clauses->size(), 1u);
  const PageClause& clause = clauses->front();
  EXPECT_EQ(clause.where, "p.md:4");
  EXPECT_EQ(clause.page, "p.md");
  EXPECT_EQ(clause.id, "PREFAULT-05");
  EXPECT_EQ(clause.title, "A size of zero is an error");
  EXPECT_EQ(clause.claim, "A prefault of size 0 fails with EINVAL, always.");
  EXPECT_EQ(clause.standing, Standing::kImplemented);
  EXPECT_EQ(clause.source, "a.c:\"f\"");
  EXPECT_EQ(clause.doc, "4.1 KVM_SING silent; 4.2 KVM_HUM \"EINVAL\" sha:0123456789");
  EXPECT_EQ(clause.answer, "KVM_SING EINVAL when size is 0");
  EXPECT_EQ(clause.kernels, "6.11..6.17: hangs; 6.18..: EAGAIN");
  EXPECT_EQ(clause.needs, "swp | snp");
  EXPECT_EQ(clause.untested, "no hardware");
  EXPECT_EQ(clause.unmodelled, "no need");
}

TEST(Page, UntestedMayBeLeftOut) {
  auto clauses = ParsePage("p.md", Changed("Untested  no hardware\n", ""));
  ASSERT_TRUE(clauses) << clauses.error().message;
  EXPECT_EQ(clauses->front().untested, "");
}

TEST(Page, DocMayBeLeftOut) {
  std::string text = Changed("Doc       4.1 KVM_SING silent;\n", "");
  const std::string rest = "          4.2 KVM_HUM \"EINVAL\" sha:0123456789\n";
  auto clauses = ParsePage("p.md", text.replace(text.find(rest), rest.size(), ""));
  ASSERT_TRUE(clauses) << clauses.error().message;
  EXPECT_EQ(clauses->front().doc, "");
}

TEST(Page, ADocumentedClauseNamesASentenceIfItHasADocAtAll) {
  std::string text = Changed("implemented, not documented", "documented");
  EXPECT_TRUE(ParsePage("p.md", text));
  const std::string sentence = "4.2 KVM_HUM \"EINVAL\" sha:0123456789";
  auto clauses =
      ParsePage("p.md", text.replace(text.find(sentence), sentence.size(), "4.2 silent"));
  ASSERT_FALSE(clauses);
  EXPECT_EQ(clauses.error().message,
            "p.md:9: PREFAULT-05 is documented, but its Doc names no sentence");
}

struct BadPage {
  const char* name;
  const char* from;
  const char* to;
  const char* message;
};
void PrintTo(const BadPage& page, std::ostream* out) { *out << page.name; }

class PageThat : public testing::TestWithParam<BadPage> {};

TEST_P(PageThat, IsMalformedIsRefusedInOneLineThatSaysWhere) {
  const auto clauses = ParsePage("p.md", Changed(GetParam().from, GetParam().to));
  ASSERT_FALSE(clauses);
  EXPECT_THAT(clauses.error().message, HasSubstr(GetParam().message));
  EXPECT_THAT(clauses.error().message, Not(HasSubstr("\n")));
}

INSTANTIATE_TEST_SUITE_P(
    All, PageThat,
    testing::Values(
        BadPage{"HeadingWithoutDot", " · ", " - ", "p.md:4: heading '### PREFAULT-05 - A size"},
        BadPage{"HeadingWithFullStop", "an error\n", "an error.\n", "p.md:4: heading '### PREF"},
        BadPage{"HeadingWithOneDigit", "-05", "-5", "p.md:4: heading '### PREFAULT-5 "},
        BadPage{"DeeperHeading", "### PRE", "#### PRE", "p.md:4: heading '#### PREFAULT-05"},
        BadPage{"NoClaim", "Claim     A prefault of size 0 fails with EINVAL,\n          always.\n",
                "", "p.md:4: PREFAULT-05 has no field Claim"},
        BadPage{"NoKernels", "Kernels   6.11..6.17: hangs; 6.18..: EAGAIN\n", "",
                "p.md:4: PREFAULT-05 has no field Kernels"},
        BadPage{"EmptyField", "Needs     swp | snp", "Needs",
                "p.md:13: field Needs of PREFAULT-05"
                " is empty"},
        BadPage{"TwiceTheField", "Needs     swp | snp", "Claim     Another one.",
                "p.md:13: PREFAULT-05 has two fields Claim"},
        BadPage{"UnknownField", "Needs     swp", "Wants     swp",
                "p.md:13: 'Wants' is no field of a clause; expected one of Claim, Standing"},
        BadPage{"UnknownStanding", "implemented, not documented", "rumoured",
                "p.md:7: PREFAULT-05 has unknown standing 'rumoured'; expected one of documented"},
        BadPage{"UnknownNeed", "swp | snp", "swp | luck",
                "p.md:13: unknown need 'luck'; expected some of any"},
        BadPage{"BadRange", "6.11..6.17: hangs", "six: hangs",
                "p.md:12: 'six: hangs' is not of the form 'RANGE: what'"},
        BadPage{"BadDoc", "sha:0123456789", "sha:012", "p.md:9: PREFAULT-05: Doc: '4.2 KVM_HUM"},
        BadPage{"BadAnswer", "KVM_SING EINVAL when", "KVM_SING EINVALID when",
                "p.md:11: PREFAULT-05: Answer: 'EINVALID' is no answer"},
        BadPage{"AnswerTheClaimDoesNotName", "KVM_SING EINVAL when", "KVM_SING ENOENT when",
                "p.md:11: PREFAULT-05: Answer: ENOENT does not stand in the claim"},
        BadPage{"ProseInsideAClause", "Untested  no hardware\n", "Untested  no\n\n  more\n",
                "p.md:16: this line belongs to no field"},
        BadPage{"NoClause", "### PREFAULT-05 · A size of zero is an error\n", "",
                "p.md: this page holds no clause"}),
    [](const auto& test) { return test.param.name; });

TEST(Ids, TwoClausesOfOneIdAreRefusedWithBothPlaces) {
  PageClause first{.where = "a.md:1", .id = "PREFAULT-05"};
  PageClause second{.where = "b.md:7", .id = "PREFAULT-05"};
  const PageClause clauses[] = {first, second};
  const Status status = CheckIdsAreUnique(clauses);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            "b.md:7: PREFAULT-05 is already the id of the clause at a.md:1");
}

TEST(Ids, DifferentIdsAreAccepted) {
  const PageClause clauses[] = {{.where = "a.md:1", .id = "A-01"},
                                {.where = "a.md:9", .id = "A-02"}};
  EXPECT_TRUE(CheckIdsAreUnique(clauses));
}

TEST(Generated, TextsAreEscapedForCpp) {
  const PageClause clauses[] = {{.id = "A-01", .claim = "says \"no\" \\ never"}};
  EXPECT_THAT(RenderTable(clauses), HasSubstr(R"("says \"no\" \\ never")"));
}

TEST(Generated, TheIdsDoNotChangeWithTheProse) {
  const PageClause before[] = {{.id = "A-01", .title = "One", .claim = "One."}};
  const PageClause after[] = {{.id = "A-01", .title = "Two", .claim = "Two."}};
  EXPECT_EQ(RenderIds(before), RenderIds(after));
  EXPECT_NE(RenderTable(before), RenderTable(after));
}

}  // namespace
}  // namespace kct
