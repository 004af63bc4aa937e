// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>

#include <memory>

namespace kct {
namespace {

using testing::ElementsAre;

Initramfs Sample() {
  Initramfs files;
  files.AddFile("/bin/a_test", "program", 0755);
  files.AddCharacterDevice("/dev/console", 5, 1);
  files.AddFile("/init", "12345", 0755);
  return files;
}

struct Unpacked {
  std::string name;
  unsigned mode;
  std::string content;
  bool operator==(const Unpacked&) const = default;
};

// What somebody else's cpio reader makes of an archive.
std::vector<Unpacked> Unpack(const std::string& archive) {
  std::unique_ptr<struct archive, decltype(&archive_read_free)> reader(archive_read_new(),
                                                                       archive_read_free);
  archive_read_support_format_cpio(reader.get());
  EXPECT_EQ(archive_read_open_memory(reader.get(), archive.data(), archive.size()), ARCHIVE_OK);
  std::vector<Unpacked> entries;
  for (archive_entry* entry; archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK;) {
    std::string content(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
    EXPECT_EQ(archive_read_data(reader.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    entries.push_back({archive_entry_pathname(entry), archive_entry_mode(entry), content});
  }
  EXPECT_EQ(archive_errno(reader.get()), 0) << archive_error_string(reader.get());
  return entries;
}

TEST(Initramfs, HoldsEachFileBehindItsFolders) {
  EXPECT_THAT(Unpack(Sample().Archive()),
              ElementsAre(Unpacked{"bin", 040755, ""}, Unpacked{"bin/a_test", 0100755, "program"},
                          Unpacked{"dev", 040755, ""}, Unpacked{"dev/console", 020600, ""},
                          Unpacked{"init", 0100755, "12345"}));
}

TEST(Initramfs, IsTheSameWhateverTheOrderOfItsMaking) {
  Initramfs other;
  other.AddFile("/init", "12345", 0755);
  other.AddFile("/bin/a_test", "program", 0755);
  other.AddCharacterDevice("/dev/console", 5, 1);
  EXPECT_EQ(Sample().Archive(), other.Archive());
}

TEST(Initramfs, KeepsTheLastOfTwoFilesOfOneName) {
  Initramfs files = Sample();
  files.AddFile("/init", "new", 0700);
  EXPECT_THAT(Unpack(files.Archive()), testing::Contains(Unpacked{"init", 0100700, "new"}));
}

}  // namespace
}  // namespace kct
