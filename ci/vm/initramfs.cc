// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/initramfs.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "harness/base/check.h"

namespace kct {
namespace {

void PadToFour(std::string& archive) { archive.resize((archive.size() + 3) / 4 * 4, '\0'); }

}  // namespace

void Initramfs::Add(std::string_view path, Entry entry) {
  KCT_CHECK(path.size() > 1 && path.front() == '/');
  path.remove_prefix(1);
  const std::size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) AddFolder("/" + std::string(path.substr(0, slash)));
  entries_.insert_or_assign(std::string(path), std::move(entry));
}

void Initramfs::AddFile(std::string_view path, std::string content, uint32_t permissions) {
  Add(path, {.mode = S_IFREG | permissions, .content = std::move(content)});
}

void Initramfs::AddFolder(std::string_view path) { Add(path, {.mode = S_IFDIR | 0755}); }

void Initramfs::AddCharacterDevice(std::string_view path, uint32_t major, uint32_t minor) {
  Add(path, {.mode = S_IFCHR | 0600, .major = major, .minor = minor});
}

std::string Initramfs::Archive() const {
  std::string archive;
  uint32_t inode = 0;
  const auto add = [&](std::string_view name, const Entry& entry) {
    // Thirteen fields of eight hexadecimal digits: inode, mode, owner, group, links, time, size,
    // device of the file system (2), device number (2), length of the name with its zero, checksum.
    archive += fmt::format("070701{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}", ++inode, entry.mode,
                           0, 0, 1, 0, entry.content.size());
    archive += fmt::format("{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}", 0, 0, entry.major, entry.minor,
                           name.size() + 1, 0);
    archive.append(name).push_back('\0');
    PadToFour(archive);
    archive += entry.content;
    PadToFour(archive);
  };
  for (const auto& [name, entry] : entries_) add(name, entry);
  add("TRAILER!!!", {});
  return archive;
}

}  // namespace kct
