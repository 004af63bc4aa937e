// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/backing_file.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

namespace kct::imitation {
namespace {

struct FilePage {
  uint64_t inode = 0;
  uint64_t page = 0;
};

// A line of /proc/self/maps: start-end permissions offset device inode name.
FilePage FilePageAt(Hva page) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream in(line);
    uint64_t start = 0, end = 0, offset = 0, inode = 0;
    char dash = 0;
    std::string permissions, device;
    in >> std::hex >> start >> dash >> end >> permissions >> offset >> device >> std::dec >> inode;
    if (in && page.value >= start && page.value < end) {
      return {inode, (offset + page.value - start) / kPage.count};
    }
  }
  return {};
}

}  // namespace

bool PoisonFilePage(World& world, Hva page) {
  const FilePage mapped = FilePageAt(page);
  for (auto& [fd, handle] : world.handles) {
    if (handle.kind != Handle::Kind::kGuestMemfd) continue;
    struct stat file;
    if (fstat(fd, &file) != 0 || file.st_ino != mapped.inode) continue;
    handle.vm->files[handle.index].poisoned.insert(mapped.page);
    return true;
  }
  return false;
}

}  // namespace kct::imitation
