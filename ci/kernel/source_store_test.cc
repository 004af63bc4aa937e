// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/source_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ci/kernel/fake_apt.h"

namespace kct {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SourceStoreTest : public testing::Test {
 protected:
  SourceStoreTest() {
    apt_.AddSplitKernel("trixie-backports", "7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1");
  }

  // As a new process would.
  Result<SourceTree> Get(std::string_view spec) {
    return SourceStore(dir_.path(), apt_.Runner()).Get(spec, [this](std::string_view line) {
      notes_.emplace_back(line);
    });
  }
  std::string Name(std::string_view spec) {
    const auto tree = Get(spec);
    return tree ? tree.value().name : tree.error().message;
  }
  std::vector<std::string> CachedNames() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_ / "sources")) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  TempDir dir_;
  FakeApt apt_;
  std::vector<std::string> notes_;
};

TEST_F(SourceStoreTest, FetchesTheSourcesOfTheKernelThatTheSpecNames) {
  const auto tree = Get("debian:7.3");
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ(tree.value().name, "debian:7.3.4-1~bpo13+1");
  EXPECT_EQ(tree.value().version.Text(), "7.3.4");
  EXPECT_TRUE(fs::exists(tree.value().path / "Makefile"));
  EXPECT_THAT(CachedNames(), ElementsAre("linux-source-7.3_7.3.4-1~bpo13+1"));
}

TEST_F(SourceStoreTest, NeedsNoNetworkForSourcesThatAreHere) {
  ASSERT_TRUE(Get("debian:7.3"));
  apt_.calls.clear();
  EXPECT_EQ(Name("debian:7.3.4-1~bpo13+1"), "debian:7.3.4-1~bpo13+1");
  EXPECT_EQ(Name("debian:7.3"), "debian:7.3.4-1~bpo13+1");
  EXPECT_THAT(apt_.calls, IsEmpty());
}

TEST_F(SourceStoreTest, UsesWhatIsHereAndSaysSoWhenTheArchiveIsOutOfReach) {
  ASSERT_TRUE(Get("debian:7.3"));
  fs::remove(dir_ / "debian.json");
  apt_.network = FakeApt::kOffline;
  EXPECT_EQ(Name("debian:latest"), "debian:7.3.4-1~bpo13+1");
  EXPECT_THAT(notes_, Contains(HasSubstr("using the sources of debian:7.3.4-1~bpo13+1 from the "
                                         "cache: the Debian archive can't be read")));
}

TEST_F(SourceStoreTest, LeavesNothingBehindWhenADownloadBreaks) {
  apt_.network = FakeApt::kCutOff;
  EXPECT_THAT(Name("debian:7.3"),
              HasSubstr("sources of debian:7.3.4-1~bpo13+1: download failed: Failed to fetch"));
  EXPECT_THAT(CachedNames(), IsEmpty());
}

TEST_F(SourceStoreTest, LeavesNothingBehindWhenTheDiskIsFull) {
  apt_.disk = FakeApt::kFull;
  EXPECT_THAT(Name("debian:7.3"), HasSubstr("No space left on device"));
  EXPECT_THAT(CachedNames(), IsEmpty());
}

TEST_F(SourceStoreTest, SaysWhichSeriesThereAre) {
  EXPECT_THAT(Name("debian:5.10"),
              HasSubstr("no such kernel in the archive; complete series: 7.3"));
  EXPECT_THAT(Name("debian:new"), HasSubstr("expected debian:latest"));
}

}  // namespace
}  // namespace kct
