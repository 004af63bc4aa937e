// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/local.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ci/kernel/fake_files.h"

namespace kct {
namespace {

using testing::HasSubstr;

constexpr char kRelease[] = "7.3.4-mine";

class KernelFromFilesTest : public testing::Test {
 protected:
  KernelFromFilesTest() { WriteFile(Image(), FakeImage(std::string(kRelease) + " (me) #1")); }

  std::filesystem::path Image() const { return dir_ / "bzImage"; }
  void AddModules(const std::filesystem::path& below, const char* release = kRelease) {
    WriteFile(dir_.path() / below / "kvm.ko", FakeModule(release, "irqbypass"));
    WriteFile(dir_.path() / below / "kvm-amd.ko", FakeModule(release, "kvm"));
  }
  Result<Kernel> Load(const char* modules) { return KernelFromFiles(Image(), dir_ / modules); }
  std::string Message(const char* modules) { return Load(modules).error().message; }

  TempDir dir_;
};

class KernelFromFilesPlaces : public KernelFromFilesTest,
                              public testing::WithParamInterface<const char*> {};

// The modules are found wherever people point: at them, or at a folder above.
TEST_P(KernelFromFilesPlaces, FindsTheModules) {
  AddModules(std::filesystem::path("root") / GetParam() / "kernel/arch/x86/kvm");
  const auto kernel = Load("root");
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_EQ(kernel.value().release, kRelease);
  EXPECT_TRUE(
      std::filesystem::equivalent(kernel.value().modules, dir_.path() / "root" / GetParam()));
}
INSTANTIATE_TEST_SUITE_P(Places, KernelFromFilesPlaces,
                         testing::Values(".", "7.3.4-mine", "lib/modules/7.3.4-mine",
                                         "usr/lib/modules/7.3.4-mine"));

TEST_F(KernelFromFilesTest, SaysWhenThereAreNoModulesForIt) {
  std::filesystem::create_directories(dir_ / "empty");
  EXPECT_THAT(Message("empty"), HasSubstr("no kvm.ko for 7.3.4-mine in"));
  EXPECT_THAT(Message("absent"), HasSubstr("absent: no such directory"));
  EXPECT_THAT(KernelFromFiles(Image(), "").error().message, HasSubstr("in any directory"));
}

TEST_F(KernelFromFilesTest, SaysWhenTheModulesAreOfAnotherKernel) {
  AddModules("root", "6.12.117");
  EXPECT_THAT(Message("root"), HasSubstr("is 7.3.4-mine, but"));
  EXPECT_THAT(Message("root"), HasSubstr("is built for 6.12.117"));
}

TEST_F(KernelFromFilesTest, SaysWhenTheKernelHasNoKvm) {
  AddModules("root");
  WriteFile(dir_ / "config", "# CONFIG_KVM is not set\n");
  EXPECT_THAT(Message("root"), HasSubstr("built without KVM for AMD: CONFIG_KVM is not set"));
  WriteFile(dir_ / "config", "CONFIG_KVM=m\n# CONFIG_KVM_AMD is not set\n");
  EXPECT_THAT(Message("root"), HasSubstr("CONFIG_KVM_AMD is not set in"));
}

TEST_F(KernelFromFilesTest, NeedsNoModulesWhereKvmIsBuiltIn) {
  WriteFile(dir_ / "config", "CONFIG_KVM=y\nCONFIG_KVM_AMD=y\n");
  const auto kernel = KernelFromFiles(Image(), "");
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_EQ(kernel.value().config, dir_ / "config");
}

TEST_F(KernelFromFilesTest, SaysWhenAModuleIsCorrupt) {
  AddModules("root");
  WriteFile(dir_ / "root/kvm-amd.ko", "garbage");
  EXPECT_THAT(Message("root"), HasSubstr("kvm-amd.ko: not a kernel module"));
}

TEST_F(KernelFromFilesTest, SaysWhenTheImageIsNoKernel) {
  WriteFile(Image(), "garbage");
  EXPECT_THAT(Message("root"), HasSubstr("not a kernel image"));
}

TEST(WithModule, ReplacesAModuleByItsFileName) {
  const TempDir dir;
  WriteFile(dir / "kvm_amd.ko", FakeModule("7.3.4"));
  const auto kernel = WithModule({.release = "7.3.4"}, dir / "kvm_amd.ko");
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_EQ(kernel.value().module_overrides.at("kvm-amd"), dir / "kvm_amd.ko");
}

TEST(WithModule, RefusesWhatIsNoModuleOrOfAnotherKernel) {
  const TempDir dir;
  WriteFile(dir / "kvm.ko", FakeModule("6.12.117"));
  WriteFile(dir / "text.ko", "text");
  const auto message = [&](const char* file) {
    return WithModule({.release = "7.3.4"}, dir / file).error().message;
  };
  EXPECT_THAT(message("kvm.ko"), HasSubstr("built for 6.12.117, but the kernel is 7.3.4"));
  EXPECT_THAT(message("text.ko"), HasSubstr("not a kernel module"));
  EXPECT_THAT(message("none.ko"), HasSubstr("no such file"));
}

}  // namespace
}  // namespace kct
