// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/load_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ci/kernel/fake_files.h"

namespace kct {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kRelease[] = "6.12.117";

class ModulesInLoadOrderTest : public testing::Test {
 protected:
  ModulesInLoadOrderTest() {
    kernel_.release = kRelease;
    kernel_.modules = dir_.path();
    Add("arch/x86/kvm/kvm.ko", "irqbypass");
    Add("arch/x86/kvm/kvm-amd.ko", "kvm,ccp");
    Add("virt/lib/irqbypass.ko", "");
    Add("drivers/crypto/ccp/ccp.ko", "");
  }

  void Add(std::string_view path, std::string_view depends) {
    WriteFile(dir_ / path, FakeModule(kRelease, depends));
  }
  std::vector<std::string> Names(const std::vector<std::string>& wanted) {
    const auto modules = ModulesInLoadOrder(kernel_, wanted);
    if (!modules) return {modules.error().message};
    std::vector<std::string> names;
    for (const LoadedModule& module : modules.value()) names.push_back(module.name);
    return names;
  }

  TempDir dir_;
  Kernel kernel_;
};

TEST_F(ModulesInLoadOrderTest, PutsDependenciesFirstAndEachModuleOnce) {
  EXPECT_THAT(Names({"kvm-amd"}), ElementsAre("irqbypass", "kvm", "ccp", "kvm-amd"));
  EXPECT_THAT(Names({"irqbypass", "kvm", "kvm_amd"}),
              ElementsAre("irqbypass", "kvm", "ccp", "kvm-amd"));
}

TEST_F(ModulesInLoadOrderTest, LeavesOutWhatIsBuiltIn) {
  WriteFile(dir_ / "modules.builtin", "kernel/virt/lib/irqbypass.ko\nkernel/arch/x86/kvm/kvm.ko\n");
  EXPECT_THAT(Names({"kvm-amd"}), ElementsAre("ccp", "kvm-amd"));
  WriteFile(dir_ / "config", "CONFIG_KVM=y\nCONFIG_KVM_AMD=y\n");
  kernel_.config = dir_ / "config";
  EXPECT_THAT(Names({"kvm-amd"}), IsEmpty());
}

TEST_F(ModulesInLoadOrderTest, TakesAnOverrideInPlaceOfTheKernelsOwn) {
  const TempDir other;
  WriteFile(other / "kvm.ko", FakeModule(kRelease, "irqbypass") + "mine");
  kernel_.module_overrides["kvm"] = other / "kvm.ko";
  const auto modules = ModulesInLoadOrder(kernel_, {"kvm"});
  ASSERT_TRUE(modules) << modules.error().message;
  ASSERT_EQ(modules.value().size(), 2u);
  EXPECT_THAT(modules.value()[1].bytes, HasSubstr("mine"));
}

TEST_F(ModulesInLoadOrderTest, NamesAMissingDependencyAndWhoNeedsIt) {
  std::filesystem::remove(dir_ / "virt/lib/irqbypass.ko");
  EXPECT_THAT(Names({"kvm-amd"}),
              ElementsAre(HasSubstr("module irqbypass, needed by kvm, is neither in")));
  EXPECT_THAT(Names({"kvm-intel"}), ElementsAre(HasSubstr("module kvm-intel is neither in")));
}

TEST_F(ModulesInLoadOrderTest, RefusesAModuleOfAnotherKernel) {
  WriteFile(dir_ / "virt/lib/irqbypass.ko", FakeModule("6.1.0-50-amd64"));
  EXPECT_THAT(Names({"kvm"}),
              ElementsAre(HasSubstr("built for 6.1.0-50-amd64, but the kernel is 6.12.117")));
}

TEST_F(ModulesInLoadOrderTest, NamesACorruptModule) {
  WriteFile(dir_ / "virt/lib/irqbypass.ko", "garbage");
  EXPECT_THAT(Names({"kvm"}), ElementsAre(HasSubstr("irqbypass.ko: not a kernel module")));
}

TEST_F(ModulesInLoadOrderTest, ChoosesTheSameFileOfTwoEverywhere) {
  Add("updates/kvm.ko", "irqbypass");
  EXPECT_EQ(ModuleFiles(kernel_).at("kvm"), dir_ / "arch/x86/kvm/kvm.ko");
}

}  // namespace
}  // namespace kct
