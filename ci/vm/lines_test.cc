// SPDX-License-Identifier: GPL-2.0-only
#include <gmock/gmock.h>

#include "ci/vm/init/kernel_log.h"
#include "ci/vm/line_splitter.h"
#include "ci/vm/message.h"

namespace kct {
namespace {

using testing::ElementsAre;

std::vector<std::string> Split(const std::vector<std::string>& chunks) {
  LineSplitter splitter;
  std::vector<std::string> lines;
  const auto receive = [&](std::string_view line) { lines.emplace_back(line); };
  for (const std::string& chunk : chunks) splitter.Feed(chunk, receive);
  splitter.Finish(receive);
  return lines;
}

TEST(LineSplitter, JoinsWhatArrivesInPieces) {
  EXPECT_THAT(Split({"U 7.", "3\nT 1", "000\n"}), ElementsAre("U 7.3", "T 1000"));
}

TEST(LineSplitter, DropsTheCarriageReturnOfASerialConsole) {
  EXPECT_THAT(Split({"T 1\r\nT 2\r", "\n"}), ElementsAre("T 1", "T 2"));
}

TEST(LineSplitter, PassesOnALastLineWithoutNewline) {
  EXPECT_THAT(Split({"a\nb"}), ElementsAre("a", "b"));
}

TEST(LineSplitter, CutsALongLineAndTakesUpTheNextOne) {
  const std::vector<std::string> lines = Split({std::string(200'000, 'x'), "y\nshort\n"});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].substr(0, kLongestLine), std::string(kLongestLine, 'x'));
  EXPECT_EQ(lines[0].substr(kLongestLine), "…");
  EXPECT_EQ(lines[1], "short");
}

TEST(LineSplitter, DoesNotCutWithinACharacter) {
  const std::vector<std::string> lines = Split({std::string(kLongestLine - 1, 'x') + "é\n"});
  EXPECT_EQ(lines[0], std::string(kLongestLine - 1, 'x') + "…");
}

TEST(Printable, LeavesNoControlCharacterButTabs) {
  EXPECT_EQ(Printable("a\tb\x1b[31m\n\x7f é"), "a\tb\\x1b[31m\\x0a\\x7f é");
}

TEST(Message, OfAnEndHasStatusSignalAndTime) {
  const auto message = ParseMessage("X 7 98 0 1500");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->kind, Message::Kind::kExited);
  EXPECT_EQ(message->id, 7u);
  EXPECT_EQ(message->status, 98);
  EXPECT_EQ(message->signal, 0);
  EXPECT_EQ(message->time, std::chrono::milliseconds(1500));
}

TEST(Message, KeepsTheSpacesOfAText) {
  EXPECT_EQ(ParseMessage("O 7   indented  text ")->text, "  indented  text ");
  EXPECT_EQ(ParseMessage("K 4 6 a: b")->text, "a: b");
  EXPECT_EQ(ParseMessage("U 7.3.4+deb13-cloud-amd64")->text, "7.3.4+deb13-cloud-amd64");
}

TEST(Message, OfALineThatIsNoneIsNothing) {
  for (const char* noise : {"", " ", "Q 1", "O", "O x text", "X 7 98", "SeaBIOS (version 1.16)",
                            "T -", "X 1 2 3 4x", "K 99999999999999999999 1 a"}) {
    EXPECT_FALSE(ParseMessage(noise)) << noise;
  }
}

TEST(KernelLogRecord, BecomesTimeLevelAndText) {
  EXPECT_EQ(KernelLogLine("6,501,34567,-;kvm: a; b\n SUBSYSTEM=x\n"), "34567 6 kvm: a; b");
  EXPECT_EQ(KernelLogLine("12,1,2,-,caller=T1;from user space\n"), "2 4 from user space");
}

TEST(KernelLogRecord, ThatIsNoneIsNothing) {
  EXPECT_FALSE(KernelLogLine("no record"));
  EXPECT_FALSE(KernelLogLine("6,x,3;text"));
}

}  // namespace
}  // namespace kct
