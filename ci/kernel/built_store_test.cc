// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/built_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ci/kernel/fake_files.h"
#include "ci/kernel/load_order.h"
#include "ci/kernel/local.h"

namespace kct {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kRelease[] = "7.3.4-sw-protected";

class BuiltStoreTest : public testing::Test {
 protected:
  Result<Kernel> Add(const std::string& config, const std::string& id, uint64_t built_at) {
    const std::filesystem::path fresh = dir_ / "fresh";
    WriteFile(fresh / "vmlinuz", FakeImage(std::string(kRelease) + " (kct) #1"));
    WriteFile(fresh / "config", "CONFIG_KVM=m\nCONFIG_KVM_AMD=m\n");
    WriteFile(fresh / "modules" / kRelease / "kvm.ko", FakeModule(kRelease));
    WriteFile(fresh / "modules" / kRelease / "kvm-amd.ko", FakeModule(kRelease, "kvm"));
    return store_.Add(fresh, {.config = config,
                              .id = id,
                              .release = kRelease,
                              .source = "here",
                              .compiler = "gcc",
                              .built_at = built_at});
  }
  std::string Spec(std::string_view spec) {
    const auto kernel = store_.Get(spec);
    return kernel ? kernel.value().spec : kernel.error().message;
  }

  TempDir dir_;
  const BuiltStore store_{dir_.path()};
};

TEST_F(BuiltStoreTest, HasTheNewestByConfigAndEachById) {
  ASSERT_TRUE(Add("sw-protected", "aa", 1));
  ASSERT_TRUE(Add("sw-protected", "bb", 3));
  ASSERT_TRUE(Add("debug,sw-protected", "cc", 2));
  EXPECT_EQ(Spec("built:sw-protected"), "built:sw-protected@bb");
  EXPECT_EQ(Spec("built:sw-protected@aa"), "built:sw-protected@aa");
  EXPECT_EQ(Spec("built:sw-protected,debug"), "built:debug,sw-protected@cc");
  EXPECT_EQ(Spec("built:latest"), "built:sw-protected@bb");
  EXPECT_THAT(store_.List(), SizeIs(3));
}

TEST_F(BuiltStoreTest, GivesAKernelThatCanBootAndTakesOtherModules) {
  ASSERT_TRUE(Add("sw-protected", "aa", 1));
  const auto kernel = store_.Get("built:sw-protected");
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_EQ(kernel.value().release, kRelease);
  EXPECT_TRUE(std::filesystem::exists(kernel.value().config));
  EXPECT_TRUE(ModulesInLoadOrder(kernel.value(), {"kvm-amd"}));
  WriteFile(dir_ / "kvm.ko", FakeModule(kRelease));
  EXPECT_TRUE(WithModule(kernel.value(), dir_ / "kvm.ko"));
}

TEST_F(BuiltStoreTest, SaysHowToGetOneThatIsNotThere) {
  EXPECT_THAT(
      Spec("built:latest"),
      HasSubstr("not built here (kct kernel build --config sw-protected); there are: none"));
  ASSERT_TRUE(Add("sw-protected", "aa", 1));
  EXPECT_THAT(Spec("built:kcov"),
              HasSubstr("kernel built:kcov: not built here (kct kernel build --config kcov); there "
                        "are: built:sw-protected@aa"));
}

TEST_F(BuiltStoreTest, RefusesWhatIsNoSpec) {
  for (const char* bad :
       {"built:", "built:@aa", "built:debug@", "built:../kernels", "build:debug"}) {
    EXPECT_THAT(Spec(bad), HasSubstr("expected built:latest, built:CONFIG")) << bad;
  }
}

TEST_F(BuiltStoreTest, LeavesOutWhatIsDamaged) {
  ASSERT_TRUE(Add("sw-protected", "aa", 1));
  WriteFile(dir_ / "built/sw-protected@aa/built.json", "{");
  EXPECT_THAT(store_.List(), IsEmpty());
}

TEST(BuildId, IsAnotherForOtherSourcesConfigurationOrCompiler) {
  const std::string id = BuildId("source", "config", "gcc");
  EXPECT_EQ(id, BuildId("source", "config", "gcc"));
  EXPECT_THAT(id, SizeIs(10));
  EXPECT_NE(id, BuildId("source2", "config", "gcc"));
  EXPECT_NE(id, BuildId("source", "config2", "gcc"));
  EXPECT_NE(id, BuildId("source", "config", "gcc2"));
}

}  // namespace
}  // namespace kct
