// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/world.h"

namespace kct::imitation {

Hva HostAddressOf(const model::Slot& slot, Gpa gpa) {
  return {slot.host * kPage.count + (gpa.value - slot.gfn * kPage.count)};
}

void World::Invalidate(Hva start, Bytes size) {
  pages.Invalidate(start, size);
  for (const auto& [fd, handle] : handles) {
    if (handle.kind != Handle::Kind::kVm) continue;
    std::erase_if(handle.vm->state.entries, [&](const model::Entry& entry) {
      const auto found = handle.vm->mapped.find({entry.space, entry.gfn});
      return found != handle.vm->mapped.end() && found->second >= start &&
             found->second < start + size;
    });
  }
  changed.notify_all();
}

void World::DropAllRoots() {
  for (const auto& [fd, handle] : handles) {
    if (handle.kind != Handle::Kind::kVm) continue;
    handle.vm->state.entries.clear();
    handle.vm->state.stale_roots = 0xff;
    handle.vm->lost_roots_to_parameter = true;
  }
  changed.notify_all();
}

}  // namespace kct::imitation
