// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/document.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Texts(std::span<const Sentence> sentences) {
  std::vector<std::string> texts;
  for (const Sentence& sentence : sentences) texts.push_back(sentence.text);
  return texts;
}

std::vector<std::string> TextsOf(std::string_view rst) { return Texts(ParseRst(rst).sentences()); }

TEST(Sentences, EndAtAFullStopThatALetterInUpperCaseOrADigitFollows) {
  EXPECT_THAT(TextsOf("Sing.  Hum (softly.)  Is 4.5 loud?  2 are.\n"),
              ElementsAre("Sing.", "Hum (softly.)", "Is 4.5 loud?", "2 are."));
}

TEST(Sentences, DoNotEndAtAnAbbreviation) {
  EXPECT_THAT(TextsOf("A song, e.g. a lullaby, i.e. KVM sings. Not etc. more\n"),
              ElementsAre("A song, e.g. a lullaby, i.e. KVM sings.", "Not etc. more"));
}

TEST(Sentences, HaveOneHashHoweverTheyAreWrappedOrMarked) {
  const auto hash = [](std::string_view rst) { return HashOf(ParseRst(rst).sentences().front()); };
  EXPECT_EQ(hash("The choir\nsings ``all`` day.\n"), hash("The choir   sings\n`all` day.\n"));
  EXPECT_NE(hash("The choir sings all day.\n"), hash("The choir sings all night.\n"));
  // What `printf %s 'The choir sings.' | sha256sum | cut -c1-10` prints.
  EXPECT_EQ(hash("The choir sings.\n"), "8ba733ffd8");
}

TEST(Sentences, AreLabelledByTheirFirstWords) {
  EXPECT_EQ(ParseRst("The \"choir\" sings; all day long.\n").sentences().front().label,
            "The choir sings all");
  EXPECT_EQ(ParseRst("Silence.\n").sentences().front().label, "Silence");
}

constexpr std::string_view kBook =
    "====\n"
    "Book\n"
    "====\n"
    "\n"
    "1. Songs\n"
    "========\n"
    "Opening.\n"
    "\n"
    "4.1 KVM_SING\n"
    "------------\n"
    "\n"
    ":Type: choir ioctl\n"
    ":Returns: 0 if somebody\n"
    "  hears\n"
    "\n"
    "Sing.\n"
    "\n"
    "Notes:\n"
    "^^^^^^\n"
    "\n"
    "Tune it.\n"
    "\n"
    "4.2 KVM_HUM\n"
    "-----------\n"
    "\n"
    "Hum.\n"
    "\n"
    "Notes:\n"
    "^^^^^^\n"
    "\n"
    "None.\n";

TEST(Sections, HoldTheirSubsections) {
  const Document book = ParseRst(kBook);
  const auto sing = book.Find("4.1 KVM_SING");
  ASSERT_EQ(sing.size(), 1u);
  EXPECT_EQ(sing.front()->level, 2);
  EXPECT_THAT(
      Texts(book.Sentences(*sing.front())),
      ElementsAre("Type: choir ioctl", "Returns: 0 if somebody hears", "Sing.", "Tune it."));
  EXPECT_EQ(book.Sentences(*book.Find("Songs").front()).size(), 7u);
  EXPECT_THAT(Texts(book.Sentences(*book.Find("KVM_HUM").front())), ElementsAre("Hum.", "None."));
}

TEST(Sections, AreFoundWhateverTheirNumber) {
  const Document book = ParseRst(kBook);
  EXPECT_EQ(book.Find("7.31 KVM_HUM"), book.Find("KVM_HUM"));
  EXPECT_THAT(book.Find("4.1 KVM_WHISTLE"), IsEmpty());
  EXPECT_EQ(book.Find("Notes:").size(), 2u);
}

TEST(Sections, ASentenceIsSaidToStandInOneWhoseTitleIsUnique) {
  const Document book = ParseRst(kBook);
  EXPECT_EQ(book.Around(6)->title, "4.2 KVM_HUM");
  EXPECT_EQ(book.Around(0)->title, "1. Songs");
}

TEST(Tables, ARowIsASentenceThatBeginsWithItsKey) {
  const Document document = ParseRst(
      "Errors:\n"
      "\n"
      "  ======  ==============\n"
      "  errno   meaning\n"
      "  ======  ==============\n"
      "  EINVAL  The song is\n"
      "          too long.  Or bad.\n"
      "\n"
      "  EINTR   Applause\n"
      "  ======  ==============\n"
      "\n"
      "Behind.\n");
  EXPECT_THAT(Texts(document.sentences()),
              ElementsAre("Errors:", "errno: meaning", "EINVAL: The song is too long. Or bad.",
                          "EINTR: Applause", "Behind."));
  EXPECT_EQ(document.sentences()[2].label, "EINVAL");
  EXPECT_TRUE(document.sentences()[2].is_row);
  EXPECT_FALSE(document.sentences()[4].is_row);
}

TEST(Tables, MayHaveAGrid) {
  EXPECT_THAT(TextsOf("+-----+------+-----+\n"
                      "| id  | name | use |\n"
                      "+=====+======+=====+\n"
                      "| 1   | one  | a   |\n"
                      "|     | more | b   |\n"
                      "+-----+------+-----+\n"
                      "\n"
                      "Behind.\n"),
              ElementsAre("id: name use", "1: one a more b", "Behind."));
}

TEST(Tables, WithoutABottomAreProse) {
  EXPECT_THAT(TextsOf("==== ====\nA    b\n"), ElementsAre("==== ==== A b"));
}

TEST(Blocks, ItemsAndTermsStandAlone) {
  EXPECT_THAT(TextsOf("- one\n"
                      "  goes on\n"
                      "- two\n"
                      "\n"
                      "1. three\n"
                      "\n"
                      "TERM\n"
                      "  what it means\n"),
              ElementsAre("one goes on", "two", "three", "TERM", "what it means"));
}

TEST(Blocks, CodeIsReadLineByLine) {
  EXPECT_THAT(TextsOf("As follows::\n"
                      "\n"
                      "  struct song {\n"
                      "\t__u32 length;\n"
                      "\n"
                      "  };\n"
                      "\n"
                      "Then\n"
                      "this.\n"
                      "\n"
                      "::\n"
                      "\n"
                      "  code\n"
                      "  ====\n"),
              ElementsAre("As follows:", "struct song {", "__u32 length;", "};", "Then this.",
                          "code", "===="));
}

TEST(Blocks, DirectivesAreNotSaidButWhatTheyHoldIs) {
  EXPECT_THAT(TextsOf(".. SPDX\n"
                      "\n"
                      ".. _label:\n"
                      "\n"
                      ".. note:: Softly.\n"
                      "\n"
                      ".. warning::\n"
                      "   Loud.\n"
                      "\n"
                      ".. code-block:: c\n"
                      "\n"
                      "   a. B\n"),
              ElementsAre("Softly.", "Loud.", "a. B"));
}

TEST(Comments, OfAHeaderAreASectionOfItsOwn) {
  const Document header = ParseComments(
      "/* for KVM_SING */\n"
      "struct song {\n"
      "\t__u32 length; /* bars */\n"
      "/*\n"
      " * A song ends.\n"
      " * Never before.\n"
      " *\n"
      " * Rest\n"
      " */\n"
      "};\n");
  ASSERT_EQ(header.Find("comments").size(), 1u);
  EXPECT_THAT(Texts(header.Sentences(*header.Find("comments").front())),
              ElementsAre("for KVM_SING", "bars", "A song ends.", "Never before.", "Rest"));
}

}  // namespace
}  // namespace kct
