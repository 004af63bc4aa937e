// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/debian_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kct {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

IndexEntry Entry(const char* suite, const char* package, const char* version,
                 const char* depends = "kmod") {
  return {suite, package, version, depends, {1000}, {5000}};
}

// A small archive with one of each shape.
std::vector<KernelPackage> Archive() {
  return AssembleKernels({
      Entry("bookworm", "linux-image-6.1.0-50-cloud-amd64", "6.1.176-1"),
      Entry("bookworm-security", "linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"),
      Entry("trixie", "linux-image-6.12.107+deb13-cloud-amd64", "6.12.107-1"),
      Entry("bookworm-security", "linux-image-6.12.117+deb12-cloud-amd64", "6.12.117-1~deb12u1"),
      Entry("trixie-security", "linux-image-6.12.117+deb13-cloud-amd64", "6.12.117-1"),
      Entry("trixie-security", "linux-image-6.12.117+deb13-amd64", "6.12.117-1"),
      Entry("trixie-backports", "linux-binary-7.0.13+deb13-cloud-amd64", "7.0.13-1~bpo13+1"),
      Entry("trixie-backports", "linux-binary-unsigned-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
      Entry("trixie-backports", "linux-modules-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
      Entry("trixie-backports", "linux-base-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
      Entry("experimental", "linux-binary-7.4-cloud-amd64", "7.4~rc2-1~exp1"),
      Entry("experimental", "linux-modules-7.4-cloud-amd64", "7.4~rc2-1~exp1"),
      Entry("experimental", "linux-base-7.4-cloud-amd64", "7.4~rc2-1~exp1"),
  });
}

Result<KernelPackage> Choose(std::string_view spec) {
  const auto parsed = KernelSpec::Parse(spec);
  if (!parsed) return parsed.error();
  return ChooseKernel(parsed.value(), Archive());
}
std::string Version(std::string_view spec) {
  const auto kernel = Choose(spec);
  return kernel ? kernel.value().version : kernel.error().message;
}

TEST(ChooseKernel, TakesTheNewestOfASeriesAcrossSuites) {
  EXPECT_EQ(Version("debian:6.12"), "6.12.117-1");
  EXPECT_EQ(Version("debian:6.1"), "6.1.192-2");
  EXPECT_EQ(Version("debian:7.3"), "7.3.4-1~bpo13+1");
}

TEST(ChooseKernel, LeavesCandidatesOutOfLatestOnly) {
  EXPECT_EQ(Version("debian:latest"), "7.3.4-1~bpo13+1");
  EXPECT_EQ(Version("debian:7.4"), "7.4~rc2-1~exp1");
  EXPECT_EQ(Version("debian:7.4-rc2"), "7.4~rc2-1~exp1");
}

TEST(ChooseKernel, TakesAnExactVersion) {
  EXPECT_EQ(Version("debian:6.12.117-1~deb12u1"), "6.12.117-1~deb12u1");
  EXPECT_EQ(Version("debian:6.12.107"), "6.12.107-1");
}

TEST(ChooseKernel, KeepsFlavoursApart) {
  EXPECT_EQ(Choose("debian:6.12/amd64").value().release, "6.12.117+deb13-amd64");
  EXPECT_EQ(Choose("debian:6.12/cloud").value().release, "6.12.117+deb13-cloud-amd64");
  EXPECT_THAT(Version("debian:7.3/amd64"), HasSubstr("complete series: 6.12"));
}

TEST(ChooseKernel, SaysWhichSeriesThereAre) {
  EXPECT_EQ(Version("debian:5.10"),
            "kernel debian:5.10: no such kernel in the archive; complete series: 6.1, 6.12, 7.3, "
            "7.4");
  // 6.1 is no prefix of 6.12, and 6.12.11 none of 6.12.117.
  EXPECT_THAT(Version("debian:6.12.11"), HasSubstr("no such kernel"));
}

TEST(ChooseKernel, SaysWhichPackageTheArchiveLacks) {
  EXPECT_THAT(Version("debian:7.0"),
              HasSubstr("has linux-binary-7.0.13+deb13-cloud-amd64 of it, but not "
                        "linux-modules-7.0.13+deb13-cloud-amd64"));
}

TEST(KernelSpec, RejectsBadTextAndSaysWhatIsExpected) {
  for (const char* text : {"", "7.3", "debian", "debian:", "debian:x", "debian:7", "debian:7.3/",
                           "debian:7.3/arm64", "debian:latest/rt", "ubuntu:7.3"}) {
    const auto spec = KernelSpec::Parse(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_THAT(spec.error().message, HasSubstr("expected debian:latest")) << text;
  }
}

TEST(KernelSpec, OfAPackageNamesExactlyIt) {
  for (const KernelPackage& kernel : Archive()) {
    if (!kernel.missing.empty()) continue;
    EXPECT_EQ(Choose(kernel.Spec()).value().release, kernel.release);
  }
}

TEST(AssembleKernels, PrefersTheSignedBuild) {
  const auto kernels =
      AssembleKernels({Entry("sid", "linux-image-6.12.1-amd64-unsigned", "6.12.1-1"),
                       Entry("sid", "linux-image-6.12.1-amd64", "6.12.1-1")});
  ASSERT_THAT(kernels, SizeIs(1));
  EXPECT_THAT(kernels[0].packages, ElementsAre("linux-image-6.12.1-amd64"));
}

TEST(AssembleKernels, TakesAllPartsOfASplitKernelAndNotItsMetaPackage) {
  const auto kernels = AssembleKernels(
      {Entry("sid", "linux-image-7.3.4-cloud-amd64", "7.3.4-1", "linux-binary-7.3.4-cloud-amd64"),
       Entry("sid", "linux-modules-7.3.4-cloud-amd64", "7.3.4-1"),
       Entry("sid", "linux-base-7.3.4-cloud-amd64", "7.3.4-1"),
       Entry("sid", "linux-binary-7.3.4-cloud-amd64", "7.3.4-1")});
  ASSERT_THAT(kernels, SizeIs(1));
  EXPECT_THAT(kernels[0].packages,
              ElementsAre("linux-binary-7.3.4-cloud-amd64", "linux-modules-7.3.4-cloud-amd64",
                          "linux-base-7.3.4-cloud-amd64"));
  EXPECT_EQ(kernels[0].missing, "");
  EXPECT_EQ(kernels[0].download_bytes, 3000u);
}

TEST(AssembleKernels, SkipsMetaPackages) {
  EXPECT_THAT(AssembleKernels({Entry("bookworm-security", "linux-image-6.12-cloud-amd64",
                                     "6.12.117-1", "linux-image-6.12.117+deb12-cloud-amd64")}),
              IsEmpty());
}

TEST(ParsePackages, KeepsKernelPackagesOnly) {
  const auto entries = ParsePackages(
      "Package: linux-image-6.1.0-56-cloud-amd64\nSource: linux (6)\nVersion: 6.1.192-2\n"
      "Installed-Size: 105548\nDepends: kmod\nDescription: x\n Version: 9\nSize: 26713492\n\n"
      "Package: linux-image-6.1.0-56-rt-amd64\nVersion: 6.1.192-2\n\n"
      "Package: linux-image-cloud-amd64\nVersion: 6.1.192-2\n\n"
      "Package: linux-image-6.1.0-56-cloud-amd64-dbg\nVersion: 6.1.192-2\n\n"
      "Package: linux-image-6.12-amd64-signed-template\nVersion: 6.1.192-2\n\n"
      "Package: zsh\nVersion: 5\n",
      "bookworm");
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_EQ(entries[0].version, "6.1.192-2");
  EXPECT_EQ(entries[0].download.count, 26713492u);
  EXPECT_EQ(entries[0].installed.count, 105548u << 10);
  EXPECT_EQ(entries[0].suite, "bookworm");
}

TEST(NewestOfEachSeries, KeepsOneOfASeriesAndAllCached) {
  auto kernels = Archive();
  for (auto& kernel : kernels) kernel.cached = kernel.version == "6.12.107-1";
  std::vector<std::string> specs;
  for (const auto& kernel : NewestOfEachSeries(kernels)) specs.push_back(kernel.Spec());
  EXPECT_THAT(specs,
              ElementsAre("debian:7.4~rc2-1~exp1", "debian:7.3.4-1~bpo13+1", "debian:6.12.117-1",
                          "debian:6.12.117-1/amd64", "debian:6.12.107-1", "debian:6.1.192-2"));
}

}  // namespace
}  // namespace kct
