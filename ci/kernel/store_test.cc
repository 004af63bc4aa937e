// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ci/kernel/fake_apt.h"
#include "ci/kernel/load_order.h"

namespace kct {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class KernelStoreTest : public testing::Test {
 protected:
  KernelStoreTest() {
    apt_.AddKernel("bookworm", "6.1.0-56-cloud-amd64", "6.1.192-2");
    apt_.AddSplitKernel("trixie-backports", "7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1");
  }

  // As a new process would.
  Result<Kernel> Get(std::string_view spec) {
    return KernelStore(dir_.path(), apt_.Runner()).Get(spec, Note());
  }
  std::string Release(std::string_view spec) {
    const auto kernel = Get(spec);
    return kernel ? kernel.value().release : kernel.error().message;
  }
  Result<std::vector<KernelPackage>> List() {
    return KernelStore(dir_.path(), apt_.Runner()).List(Note());
  }
  Progress Note() {
    return [this](std::string_view line) { notes_.emplace_back(line); };
  }
  void MakeIndexOld(Duration age = 30h) {
    fs::last_write_time(dir_ / "debian.json", fs::file_time_type::clock::now() - age);
  }
  std::vector<std::string> CachedNames() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_ / "kernels")) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  TempDir dir_;
  FakeApt apt_;
  std::vector<std::string> notes_;
};

// One package, with the files in /boot.
TEST_F(KernelStoreTest, UnpacksAKernelInOnePackage) {
  const auto kernel = Get("debian:6.1");
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_EQ(kernel.value().spec, "debian:6.1.192-2");
  EXPECT_EQ(kernel.value().release, "6.1.0-56-cloud-amd64");
  EXPECT_TRUE(fs::exists(kernel.value().config));
  EXPECT_TRUE(ModulesInLoadOrder(kernel.value(), {"kvm-amd"}));
}

// Three packages, with the files beside the modules.
TEST_F(KernelStoreTest, UnpacksASplitKernel) {
  const auto kernel = Get("debian:latest");
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_EQ(kernel.value().spec, "debian:7.3.4-1~bpo13+1");
  EXPECT_TRUE(fs::exists(kernel.value().config));
  EXPECT_TRUE(fs::exists(kernel.value().system_map));
  EXPECT_TRUE(ModulesInLoadOrder(kernel.value(), {"kvm-amd"}));
}

TEST_F(KernelStoreTest, KeepsNothingButTheKernel) {
  ASSERT_TRUE(Get("debian:6.1"));
  EXPECT_THAT(CachedNames(), ElementsAre("6.1.192-2_cloud"));
}

TEST_F(KernelStoreTest, NeedsNoNetworkForTheSecondRun) {
  ASSERT_TRUE(Get("debian:7.3"));
  apt_.calls.clear();
  EXPECT_EQ(Release("debian:7.3"), "7.3.4+deb13-cloud-amd64");
  EXPECT_EQ(Release("debian:7.3.4-1~bpo13+1"), "7.3.4+deb13-cloud-amd64");
  EXPECT_THAT(apt_.calls, IsEmpty());
}

TEST_F(KernelStoreTest, LooksForNewerBuildsAfterADay) {
  ASSERT_TRUE(Get("debian:7.3"));
  apt_.AddSplitKernel("sid", "7.3.5+deb14-cloud-amd64", "7.3.5-1");
  EXPECT_EQ(Release("debian:7.3"), "7.3.4+deb13-cloud-amd64");
  MakeIndexOld();
  EXPECT_EQ(Release("debian:7.3"), "7.3.5+deb14-cloud-amd64");
}

TEST_F(KernelStoreTest, LooksAgainAfterAnHourForASpecThatTheIndexLacks) {
  ASSERT_TRUE(Get("debian:7.3"));
  apt_.AddKernel("sid", "7.4.1-cloud-amd64", "7.4.1-1");
  EXPECT_THAT(Release("debian:7.4"), HasSubstr("no such kernel"));
  MakeIndexOld(2h);
  EXPECT_EQ(Release("debian:7.4"), "7.4.1-cloud-amd64");
}

TEST_F(KernelStoreTest, UsesTheCacheAndSaysSoWhenTheArchiveIsOutOfReach) {
  ASSERT_TRUE(Get("debian:7.3"));
  MakeIndexOld();
  apt_.network = FakeApt::kOffline;
  notes_.clear();
  EXPECT_EQ(Release("debian:7.3"), "7.3.4+deb13-cloud-amd64");
  EXPECT_THAT(notes_, Contains(HasSubstr("using the package index of 30 hours ago")));
  fs::remove(dir_ / "debian.json");
  EXPECT_EQ(Release("debian:latest"), "7.3.4+deb13-cloud-amd64");
  EXPECT_THAT(notes_, Contains(HasSubstr("using debian:7.3.4-1~bpo13+1 from the cache")));
}

TEST_F(KernelStoreTest, UsesAnOlderBuildWhenTheNewestCantBeFetched) {
  ASSERT_TRUE(Get("debian:7.3"));
  apt_.AddSplitKernel("sid", "7.3.5+deb14-cloud-amd64", "7.3.5-1");
  MakeIndexOld();
  ASSERT_TRUE(List());
  apt_.network = FakeApt::kOffline;
  EXPECT_EQ(Release("debian:7.3"), "7.3.4+deb13-cloud-amd64");
  EXPECT_THAT(notes_, Contains(HasSubstr("download failed: Failed to fetch")));
}

TEST_F(KernelStoreTest, SaysThatTheArchiveIsOutOfReachWhenNothingIsCached) {
  apt_.network = FakeApt::kOffline;
  EXPECT_THAT(Release("debian:7.3"),
              HasSubstr("the Debian archive can't be read: Failed to fetch x"));
  EXPECT_FALSE(List());
}

TEST_F(KernelStoreTest, LeavesNothingBehindWhenADownloadBreaks) {
  apt_.network = FakeApt::kCutOff;
  EXPECT_THAT(Release("debian:7.3"), HasSubstr("Connection reset by peer"));
  EXPECT_THAT(CachedNames(), IsEmpty());
}

TEST_F(KernelStoreTest, LeavesNothingBehindWhenTheDiskIsFull) {
  apt_.disk = FakeApt::kFull;
  EXPECT_THAT(Release("debian:7.3"), HasSubstr("No space left on device"));
  EXPECT_THAT(CachedNames(), IsEmpty());
}

TEST_F(KernelStoreTest, SaysBeforehandThatTheDiskIsTooSmall) {
  apt_.installed_kib = "999999999999";
  apt_.AddKernel("sid", "7.4.1-cloud-amd64", "7.4.1-1");
  EXPECT_THAT(Release("debian:7.4"), HasSubstr("kernel debian:7.4.1-1: needs 976562"));
  EXPECT_THAT(apt_.calls, testing::Not(Contains("download")));
}

TEST_F(KernelStoreTest, CleansUpAfterARunThatWasKilled) {
  WriteFile(dir_ / "kernels/.new/debs/half.deb", "x");
  ASSERT_TRUE(Get("debian:6.1"));
  EXPECT_THAT(CachedNames(), ElementsAre("6.1.192-2_cloud"));
}

TEST_F(KernelStoreTest, FetchesADamagedKernelAgain) {
  const auto kernel = Get("debian:6.1");
  ASSERT_TRUE(kernel);
  fs::remove_all(kernel.value().modules);
  const auto again = Get("debian:6.1");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(ModulesInLoadOrder(again.value(), {"kvm-amd"}));
}

TEST_F(KernelStoreTest, SurvivesADamagedIndex) {
  ASSERT_TRUE(Get("debian:6.1"));
  WriteFile(dir_ / "debian.json", "[{\"version\": 7");
  EXPECT_EQ(Release("debian:6.1"), "6.1.0-56-cloud-amd64");
}

TEST_F(KernelStoreTest, SkipsASuiteThatTheArchiveLacksWithANote) {
  ASSERT_TRUE(List());
  EXPECT_THAT(notes_, Contains(HasSubstr("suite experimental skipped: The repository")));
  EXPECT_THAT(notes_, Contains(HasSubstr("security suites skipped")));
}

TEST_F(KernelStoreTest, SkipsASuiteWhoseKeyIsUnknownWithANote) {
  apt_.unknown_key = "trixie-backports";
  EXPECT_THAT(Release("debian:7.3"), HasSubstr("no such kernel"));
  EXPECT_THAT(notes_, Contains(HasSubstr("suite trixie-backports skipped: ")));
  EXPECT_THAT(notes_, Contains(HasSubstr("NO_PUBKEY 1234")));
}

TEST_F(KernelStoreTest, SaysWhichKeysAreTooOldForEverySuite) {
  apt_.suites = {{"trixie", "Package: zsh\n"}};
  EXPECT_THAT(Release("debian:7.3"), HasSubstr("no suite of Debian could be used"));
  EXPECT_THAT(Release("debian:7.3"), HasSubstr("of debian-archive-keyring"));
}

// An index with a hole would hide kernels for a day.
TEST_F(KernelStoreTest, KeepsTheOldIndexWhenASuiteCantBeRead) {
  ASSERT_TRUE(List());
  MakeIndexOld();
  apt_.network = FakeApt::kOffline;
  ASSERT_TRUE(List());
  apt_.network = FakeApt::kOnline;
  apt_.AddSplitKernel("sid", "7.3.5+deb14-cloud-amd64", "7.3.5-1");
  EXPECT_EQ(Release("debian:7.3"), "7.3.5+deb14-cloud-amd64");
}

TEST_F(KernelStoreTest, TakesTheSecuritySuitesFromTheirOwnArchive) {
  apt_.host_sources += "Debian-Security|main|http://archive.example/security/\n";
  apt_.AddKernel("bookworm-security", "6.1.0-57-cloud-amd64", "6.1.193-1");
  EXPECT_EQ(Release("debian:6.1"), "6.1.0-57-cloud-amd64");
  EXPECT_THAT(ReadFile(dir_ / "apt/sources.list"),
              HasSubstr("http://archive.example/security/ bookworm-security main"));
}

TEST_F(KernelStoreTest, KeepsTheHostsProxyButNotItsSources) {
  ASSERT_TRUE(List());
  const std::string configuration = ReadFile(dir_ / "apt/apt.conf");
  EXPECT_THAT(configuration, HasSubstr("Acquire::http::Proxy \"p\";"));
  EXPECT_THAT(configuration, HasSubstr("Dir::Etc::sourceparts \"/dev/null\";"));
}

TEST_F(KernelStoreTest, SaysWhenTheHostKnowsNoDebian) {
  apt_.host_sources = "Ubuntu|main|http://archive.example/ubuntu/\n";
  EXPECT_THAT(Release("debian:7.3"), HasSubstr("apt knows no Debian archive"));
}

TEST_F(KernelStoreTest, SaysWhenTheHostHasNoApt) {
  KernelStore store(dir_.path(), [](const Command& command) -> Result<CommandOutput> {
    return MakeError("can't run {}: is it installed?", command.argv[0]);
  });
  EXPECT_THAT(store.Get("debian:7.3", Note()).error().message,
              HasSubstr("can't run apt-get: is it installed?; name a kernel of your own"));
}

TEST_F(KernelStoreTest, SaysWhenTheCacheCantBeMade) {
  WriteFile(dir_ / "file", "");
  KernelStore store(dir_ / "file", apt_.Runner());
  EXPECT_THAT(store.Get("debian:7.3", Note()).error().message, HasSubstr("kernel cache "));
}

TEST_F(KernelStoreTest, RejectsABadSpecBeforeAnythingElse) {
  EXPECT_THAT(Release("debian:new"), HasSubstr("expected debian:latest"));
  EXPECT_THAT(apt_.calls, IsEmpty());
}

TEST_F(KernelStoreTest, ListsTheArchiveAndTheCache) {
  ASSERT_TRUE(Get("debian:6.1"));
  apt_.suites.erase("bookworm");
  MakeIndexOld();
  const auto kernels = List();
  ASSERT_TRUE(kernels) << kernels.error().message;
  ASSERT_THAT(kernels.value(), SizeIs(2));
  EXPECT_EQ(kernels.value()[0].Spec(), "debian:7.3.4-1~bpo13+1");
  EXPECT_FALSE(kernels.value()[0].cached);
  EXPECT_EQ(kernels.value()[1].Spec(), "debian:6.1.192-2");
  EXPECT_EQ(kernels.value()[1].suite, "");
  EXPECT_TRUE(kernels.value()[1].cached);
}

}  // namespace
}  // namespace kct
