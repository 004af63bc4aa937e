// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ci/kernel/fake_files.h"

namespace kct {
namespace {

using testing::HasSubstr;

TEST(ReadImageBanner, FindsTheReleaseInTheBootHeader) {
  const TempDir dir;
  WriteFile(dir / "bzImage", FakeImage("7.3.4+deb13-cloud-amd64 (builder) #1 SMP"));
  const auto banner = ReadImageBanner(dir / "bzImage");
  ASSERT_TRUE(banner) << banner.error().message;
  EXPECT_EQ(banner.value().release, "7.3.4+deb13-cloud-amd64");
  EXPECT_THAT(banner.value().text, HasSubstr("(builder) #1 SMP"));
}

TEST(ReadImageBanner, SaysInOneLineWhyAFileIsNoKernel) {
  const TempDir dir;
  WriteFile(dir / "text", "#!/bin/sh\n");
  WriteFile(dir / "noise", std::string(100000, 'x'));
  WriteFile(dir / "no-version", FakeImage("elephant"));
  std::string no_banner = FakeImage("7.3");
  no_banner[0x20e] = no_banner[0x20f] = 0;
  WriteFile(dir / "no-banner", no_banner);
  std::string far_banner = FakeImage("7.3");
  far_banner[0x20e] = far_banner[0x20f] = '\xff';
  WriteFile(dir / "far-banner", far_banner);
  const auto message = [&](const char* name) {
    return ReadImageBanner(dir / name).error().message;
  };
  EXPECT_THAT(message("text"), HasSubstr("text: not a kernel image; expected a bzImage"));
  EXPECT_THAT(message("noise"), HasSubstr("not a kernel image"));
  EXPECT_THAT(message("no-version"), HasSubstr("'elephant' in its header is no kernel release"));
  EXPECT_THAT(message("no-banner"), HasSubstr("its header names no version"));
  EXPECT_THAT(message("far-banner"), HasSubstr("its header names no version"));
  EXPECT_THAT(message("absent"), HasSubstr("no such file"));
  EXPECT_THAT(ReadImageBanner(dir / ".").error().message, HasSubstr("no such file"));
}

TEST(VersionOf, TrustsThePackageVersionMoreThanTheRelease) {
  const TempDir dir;
  WriteFile(dir / "debian", FakeImage("6.1.0-56-cloud-amd64 (x) #1 SMP Debian 6.1.192-2 (date)"));
  WriteFile(dir / "own", FakeImage("7.3.0-rc4 (me@here) #7 SMP"));
  EXPECT_EQ(VersionOf({.image = dir / "debian"}).value().Text(), "6.1.192");
  EXPECT_EQ(VersionOf({.image = dir / "own"}).value().Text(), "7.3-rc4");
  EXPECT_FALSE(VersionOf({.image = dir / "absent"}));
}

}  // namespace
}  // namespace kct
