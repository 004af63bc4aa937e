// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kct {
namespace {

using testing::HasSubstr;

Command Shell(const std::string& script) { return {.argv = {"sh", "-c", script}}; }

TEST(RunCommand, BringsBackBothOutputsAndTheStatus) {
  const auto output = RunCommand(Shell("echo good; echo bad >&2; exit 3"));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output.value().out, "good\n");
  EXPECT_EQ(output.value().err, "bad\n");
  EXPECT_EQ(output.value().status, 3);
}

TEST(RunCommand, ReadsMoreThanAPipeHolds) {
  const auto output = RunCommand(Shell("head -c 1000000 /dev/zero; head -c 300000 /dev/zero >&2"));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output.value().out.size(), 1000000u);
  EXPECT_EQ(output.value().err.size(), 300000u);
}

TEST(RunCommand, GivesTheProgramItsDirectoryAndEnvironment) {
  const auto output = RunCommand({.argv = {"sh", "-c", "pwd; echo $KCT_WORD $LC_ALL"},
                                  .environment = {"KCT_WORD=hello"},
                                  .directory = "/"});
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output.value().out, "/\nhello C\n");
}

TEST(RunCommand, ShowsWholeLinesAsTheyCome) {
  std::vector<std::string> lines;
  Command command = Shell("echo one; printf two; echo; printf three");
  command.on_line = [&](std::string_view line) { lines.emplace_back(line); };
  ASSERT_TRUE(RunCommand(command));
  EXPECT_THAT(lines, testing::ElementsAre("one", "two"));
}

TEST(RunCommand, NamesAProgramThatIsMissing) {
  const auto output = RunCommand({.argv = {"no-such-program-here"}});
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().message, "can't run no-such-program-here: is it installed?");
}

TEST(RunCommand, EndsAProgramThatDoesNot) {
  const auto output = RunCommand({.argv = {"sh", "-c", "while :; do :; done"}, .timeout = 100ms});
  ASSERT_FALSE(output);
  EXPECT_THAT(output.error().message, HasSubstr("did not end within"));
}

TEST(RunCommand, SaysDeathBySignalAsShellsDo) {
  const auto output = RunCommand(Shell("kill -TERM $$"));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output.value().status, 128 + 15);
}

TEST(CommandOutput, ComplainsWithAptsFirstErrorElseTheLastLine) {
  EXPECT_EQ((CommandOutput{100, "", "W: slow\nE: no key\nE: later\n"}.Complaint()), "no key");
  EXPECT_EQ((CommandOutput{2, "", "one\ntwo\n"}.Complaint()), "two");
  EXPECT_EQ((CommandOutput{2, "", ""}.Complaint()), "exit status 2");
}

}  // namespace
}  // namespace kct
