// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ci/kernel/command.h"
#include "ci/kernel/fake_files.h"

namespace kct {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string MessageOf(const std::filesystem::path& file) {
  return ReadModule(file).error().message;
}

TEST(ModuleName, IsTheFileNameWithHyphens) {
  EXPECT_EQ(ModuleNameOf("a/kvm_amd.ko"), "kvm-amd");
  EXPECT_EQ(ModuleNameOf("kvm-amd.ko.xz"), "kvm-amd");
  EXPECT_EQ(ModuleNameOf("ccp.ko.zst"), "ccp");
  EXPECT_EQ(ModuleNameOf("ccp.ko.gz"), "ccp");
  EXPECT_EQ(ModuleNameOf("kvm.o"), std::nullopt);
  EXPECT_EQ(ModuleNameOf(".ko"), std::nullopt);
}

class ReadModuleFormats : public testing::TestWithParam<const char*> {};

// The same module comes out of every compression that distributions use.
TEST_P(ReadModuleFormats, GivesTheSameModule) {
  const TempDir dir;
  WriteFile(dir / "kvm_amd.ko", FakeModule("7.3.4", "kvm,ccp"));
  std::filesystem::path file = dir / "kvm_amd.ko";
  if (const std::string packer = GetParam(); !packer.empty()) {
    const auto packed = RunCommand({.argv = {packer, "-q", "-k", file.string()}});
    ASSERT_TRUE(packed) << packed.error().message;
    file += packer == "xz" ? ".xz" : packer == "gzip" ? ".gz" : ".zst";
  }
  const auto module = ReadModule(file);
  ASSERT_TRUE(module) << module.error().message;
  EXPECT_EQ(module.value().name, "kvm-amd");
  EXPECT_EQ(module.value().release, "7.3.4");
  EXPECT_THAT(module.value().depends, ElementsAre("kvm", "ccp"));
  EXPECT_EQ(module.value().bytes, FakeModule("7.3.4", "kvm,ccp"));
}
INSTANTIATE_TEST_SUITE_P(Packers, ReadModuleFormats, testing::Values("", "xz", "gzip"));

TEST(ReadModule, SaysInOneLineWhatIsWrongWithAFile) {
  const TempDir dir;
  WriteFile(dir / "text.ko", "hello");
  WriteFile(dir / "empty.ko", "");
  WriteFile(dir / "cut.ko", FakeModule("7.3.4").substr(0, 200));
  WriteFile(dir / "kvm.o", FakeModule("7.3.4"));
  EXPECT_THAT(MessageOf(dir / "text.ko"), HasSubstr("text.ko: not a kernel module"));
  EXPECT_THAT(MessageOf(dir / "empty.ko"), HasSubstr("not a kernel module"));
  EXPECT_THAT(MessageOf(dir / "cut.ko"), HasSubstr("not a kernel module"));
  EXPECT_THAT(MessageOf(dir / "kvm.o"), HasSubstr("expected one that ends in .ko"));
  EXPECT_THAT(MessageOf(dir / "absent.ko"), HasSubstr("absent.ko: no such file"));
}

// A download cut short, or a bad disk: never a module that is half there.
TEST(ReadModule, RejectsBrokenCompression) {
  const TempDir dir;
  WriteFile(dir / "kvm.ko", FakeModule("7.3.4"));
  ASSERT_TRUE(RunCommand({.argv = {"xz", "-q", (dir / "kvm.ko").string()}}));
  const std::string packed = ReadFile(dir / "kvm.ko.xz");
  ASSERT_GT(packed.size(), 60u);
  WriteFile(dir / "cut.ko.xz", packed.substr(0, packed.size() - 40));
  std::string flipped = packed;
  flipped[packed.size() / 2] ^= 0x55;
  WriteFile(dir / "flipped.ko.xz", flipped);
  EXPECT_THAT(MessageOf(dir / "cut.ko.xz"), HasSubstr("cut.ko.xz: can't be read: "));
  EXPECT_THAT(MessageOf(dir / "flipped.ko.xz"), HasSubstr("flipped.ko.xz: can't be read: "));
}

// Whatever the bytes, the answer is a module or an error, never a wild read.
TEST(ReadModule, SurvivesEverySingleByteChangeInTheHeaders) {
  const TempDir dir;
  const std::string good = FakeModule("7.3.4");
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = '\xff';
    WriteFile(dir / "kvm.ko", bad);
    if (const auto module = ReadModule(dir / "kvm.ko"); !module) {
      EXPECT_THAT(module.error().message, HasSubstr("kvm.ko")) << "byte " << i;
    }
  }
}

}  // namespace
}  // namespace kct
