// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/source_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ci/kernel/fake_files.h"

namespace kct {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class SourceTreeTest : public testing::Test {
 protected:
  SourceTreeTest() { WriteFakeTree(top_); }

  SourceTree Read() { return ReadSourceTree(top_, RunCommand).value(); }
  std::string Refusal(const std::filesystem::path& path) {
    const auto tree = ReadSourceTree(path, RunCommand);
    return tree ? "" : tree.error().message;
  }
  void Git(const std::string& script) {
    const auto output = RunCommand(
        {.argv = {"sh", "-ec", script},
         .environment = {"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a", "GIT_COMMITTER_NAME=a",
                         "GIT_COMMITTER_EMAIL=a", "GIT_CONFIG_GLOBAL=/dev/null"},
         .directory = top_});
    ASSERT_TRUE(output && output.value().ok()) << output.value().err;
  }

  const TempDir dir_;
  const std::filesystem::path top_ = dir_ / "linux";
};

TEST_F(SourceTreeTest, ReadsTheVersionInTheMakefile) {
  EXPECT_EQ(Read().version.Text(), "7.3.4");
  WriteFile(top_ / "Makefile", "VERSION = 7\nPATCHLEVEL = 4\nSUBLEVEL = 0\nEXTRAVERSION = -rc2\n");
  EXPECT_EQ(Read().version.Text(), "7.4-rc2");
}

TEST_F(SourceTreeTest, RefusesWhatIsNoKernel) {
  EXPECT_THAT(Refusal(dir_ / "none"),
              HasSubstr("none: no such folder; expected one, or debian:7.3"));
  EXPECT_THAT(Refusal(dir_.path()), HasSubstr("no kernel there; expected the top of its tree"));
  std::filesystem::remove_all(top_ / "arch");
  EXPECT_THAT(Refusal(top_), HasSubstr("no kernel there"));
}

TEST_F(SourceTreeTest, RefusesATreeThatWasBuiltInPlace) {
  WriteFile(top_ / ".config", "");
  EXPECT_THAT(Refusal(top_), HasSubstr("built in place (.config); make mrproper there"));
}

TEST_F(SourceTreeTest, KnowsAFolderByNamesSizesAndTimes) {
  const std::string before = Read().identity;
  EXPECT_THAT(before, StartsWith("files "));
  EXPECT_EQ(Read().identity, before);
  WriteFile(top_ / "arch/x86/kvm/x86.c", "int xx;\n");
  const std::string after = Read().identity;
  EXPECT_NE(after, before);
  WriteFile(top_ / "new.c", "");
  EXPECT_NE(Read().identity, after);
}

TEST_F(SourceTreeTest, KnowsARepositoryByItsCommitAndWhatDiffers) {
  Git("git init -q; git add .; git commit -qm x; echo '*.o' > .git/info/exclude");
  const SourceTree clean = Read();
  EXPECT_THAT(clean.identity, StartsWith("git "));
  EXPECT_THAT(clean.name, HasSubstr("linux, "));
  WriteFile(top_ / "x.o", "ignored");
  EXPECT_EQ(Read().identity, clean.identity);
  WriteFile(top_ / "Kconfig", "mainmenu\n");
  const SourceTree edited = Read();
  EXPECT_NE(edited.identity, clean.identity);
  EXPECT_THAT(edited.name, EndsWith(" with changes"));
  Git("git checkout -q Kconfig");
  EXPECT_EQ(Read().identity, clean.identity);
  WriteFile(top_ / "new.c", "int a;\n");
  const std::string with_file = Read().identity;
  EXPECT_NE(with_file, clean.identity);
  WriteFile(top_ / "new.c", "int b;\n");
  EXPECT_NE(Read().identity, with_file);
}

// A tree inside somebody else's repository is not what that repository's commit says.
TEST_F(SourceTreeTest, DoesNotAskARepositoryAroundTheTree) {
  Git("cd ..; git init -q; git add .; git commit -qm x");
  EXPECT_THAT(Read().identity, StartsWith("files "));
}

}  // namespace
}  // namespace kct
