// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/files.h"

#include <gmock/gmock.h>

#include <filesystem>

namespace kct {
namespace {

using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  std::string Path(const char* name) { return testing::TempDir() + "kct_files_test_" + name; }
};

TEST_F(Files, WhatWasWrittenIsRead) {
  const std::string path = Path("written");
  ASSERT_TRUE(WriteFileIfChanged(path, "one"));
  ASSERT_TRUE(WriteFileIfChanged(path, "two"));
  EXPECT_EQ(ReadFile(path).value(), "two");
}

TEST_F(Files, AnUnchangedFileKeepsItsTime) {
  const std::string path = Path("same");
  ASSERT_TRUE(WriteFileIfChanged(path, "same"));
  const std::filesystem::file_time_type past{};
  std::filesystem::last_write_time(path, past);
  ASSERT_TRUE(WriteFileIfChanged(path, "same"));
  EXPECT_EQ(std::filesystem::last_write_time(path), past);
  ASSERT_TRUE(WriteFileIfChanged(path, "other"));
  EXPECT_NE(std::filesystem::last_write_time(path), past);
}

TEST_F(Files, AMissingFileIsNamed) {
  const auto text = ReadFile("/nonexistent/page.md");
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().message, HasSubstr("/nonexistent/page.md: can't be read: ENOENT"));
}

TEST_F(Files, AFailedWriteIsNamedAndLeavesNothingBehind) {
  const Status status = WriteFileIfChanged("/nonexistent/ids.h", "x");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("/nonexistent/ids.h: can't be written: "));
}

}  // namespace
}  // namespace kct
