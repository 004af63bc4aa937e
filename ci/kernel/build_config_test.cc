// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/build_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ci/kernel/fake_files.h"

namespace kct {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const KernelVersion k734{.major = 7, .minor = 3, .patch = 4};

class BuildConfigTest : public testing::Test {
 protected:
  BuildConfigTest() {
    Put("base",
        "# A comment.\nCONFIG_SMP=y\n# CONFIG_JUMP_LABEL is not set\nCONFIG_FRAME_WARN=1\n");
    Put("debug", "CONFIG_KASAN=y\n\nCONFIG_FRAME_WARN=2\n");
    Put("kcov", "CONFIG_KCOV=y\n");
  }
  void Put(const std::string& name, const char* text) {
    WriteFile(dir_ / (name + ".config"), text);
  }
  Result<BuildConfig> Load(std::string_view names) { return BuildConfig::Load(dir_.path(), names); }
  std::string Text(std::string_view names) {
    const auto config = Load(names);
    return config ? config.value().TextFor(k734) : config.error().message;
  }

  TempDir dir_;
};

TEST_F(BuildConfigTest, PutsTheFragmentsOnTopOfBase) {
  EXPECT_EQ(Text("debug"),
            "CONFIG_SMP=y\n# CONFIG_JUMP_LABEL is not set\nCONFIG_FRAME_WARN=2\nCONFIG_KASAN=y\n");
  EXPECT_EQ(Text("base"), Text(""));
}

TEST_F(BuildConfigTest, DoesNotCareForTheOrderOfNames) {
  EXPECT_EQ(Load("kcov,debug").value().name(), "debug,kcov");
  EXPECT_EQ(Text("kcov,debug"), Text("debug,kcov,debug"));
  EXPECT_EQ(Load("").value().name(), "base");
}

TEST_F(BuildConfigTest, NamesTheFragmentsThatThereAre) {
  EXPECT_EQ(Text("debgu"), "kernel config 'debgu': no such fragment; there are debug, kcov");
}

TEST_F(BuildConfigTest, NamesTheLineThatIsNoOption) {
  Put("bad", "CONFIG_A=y\nCONFIG B=y\n");
  EXPECT_THAT(Text("bad"), HasSubstr("bad.config:2: 'CONFIG B=y': expected CONFIG_NAME=VALUE"));
  Put("bad", "CONFIG_A\n");
  EXPECT_THAT(Text("bad"), HasSubstr("bad.config:1: 'CONFIG_A'"));
  Put("bad", "CONFIG_A=y  # since then\n");
  EXPECT_THAT(Text("bad"), HasSubstr("bad.config:1"));
}

TEST_F(BuildConfigTest, RefusesFragmentsThatDisagree) {
  Put("calm", "# CONFIG_KASAN is not set\n");
  EXPECT_EQ(Text("calm,debug"),
            "kernel config 'calm,debug': debug wants CONFIG_KASAN=y, but calm wants n");
}

TEST_F(BuildConfigTest, LeavesOutWhatIsNewerThanTheSources) {
  Put("new", "CONFIG_A=y  # since 7.3\n# CONFIG_B is not set  # since 7.4\n");
  EXPECT_THAT(Text("new"), AllOf(HasSubstr("CONFIG_A=y\n"), Not(HasSubstr("CONFIG_B"))));
  EXPECT_TRUE(
      Load("new").value().CheckTaken("CONFIG_SMP=y\nCONFIG_FRAME_WARN=1\nCONFIG_A=y\n", k734));
}

TEST_F(BuildConfigTest, NamesEachOptionThatDidNotTake) {
  const BuildConfig config = Load("debug").value();
  EXPECT_TRUE(config.CheckTaken("CONFIG_KASAN=y\nCONFIG_SMP=y\nCONFIG_FRAME_WARN=2\n", k734));
  const Status refused =
      config.CheckTaken("CONFIG_SMP=m\nCONFIG_JUMP_LABEL=y\nCONFIG_FRAME_WARN=2\n", k734);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              HasSubstr("kernel config 'debug' did not take in 7.3.4: CONFIG_SMP=y of base.config "
                        "is m; CONFIG_JUMP_LABEL=n of base.config is y; CONFIG_KASAN=y of "
                        "debug.config is n"));
}

TEST(OptionIn, KnowsAnOptionFromOneWithALongerName) {
  EXPECT_EQ(OptionIn("CONFIG_KSM_X=m\nCONFIG_KSM=y\n", "CONFIG_KSM"), "y");
  EXPECT_EQ(OptionIn("CONFIG_KSM_X=m\n# CONFIG_KSM is not set\n", "CONFIG_KSM"), "n");
}

}  // namespace
}  // namespace kct
