// SPDX-License-Identifier: GPL-2.0-only
// Initramfs: the files of a VM as one archive that the kernel unpacks into its root.
//
//   Initramfs files;
//   files.AddFile("/bin/prefault_test", bytes, 0755);   // adds /bin as well
//   Result<…> = WriteFileAtomically(path, files.Archive());
//
// The same content gives the same bytes, whatever the order of the calls. Not compressed: QEMU
// copies the archive into the guest much faster than emulated code could unpack it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace kct {

class Initramfs {
 public:
  // REQUIRES: path starts with "/". A second file of the same path replaces the first.
  void AddFile(std::string_view path, std::string content, uint32_t permissions);
  void AddFolder(std::string_view path);
  void AddCharacterDevice(std::string_view path, uint32_t major, uint32_t minor);

  // In the cpio format "newc".
  std::string Archive() const;

 private:
  struct Entry {
    uint32_t mode = 0;
    uint32_t major = 0;
    uint32_t minor = 0;
    std::string content;
  };
  void Add(std::string_view path, Entry entry);

  std::map<std::string, Entry, std::less<>> entries_;  // sorted: a folder before its content
};

}  // namespace kct
