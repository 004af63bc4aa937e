// SPDX-License-Identifier: GPL-2.0-only
// Invalidations by the host's memory management, and shadow paging.
#include "harness/model/scenario/calls.h"

namespace kct::model {
namespace {

constexpr uint64_t kEntry = kGpa + 0x100;

void GiveWrittenSlot(World& world) {
  world.Expect("MEMSLOT-01", AddSlot(1, kGpa, 8), kDone);
  world.Expect("GMEM-33", HostWrite(kHva, 7), kDone);
  world.EnterGuest(0);
}

// When MADV_DONTNEED has returned the guest finds zeros.
KCT_SCENARIO(DroppedPageIsGone, "MN-04") {
  GiveWrittenSlot(world);
  world.Expect("MN-04", Read(0, kGpa), "0, word 0x7");
  world.Expect("MN-04", HostDrop(kHva, 1), kDone);
  world.Expect("MN-04", Read(0, kGpa), "0, word 0x0");
}

// A fault that meets an invalidation is tried again: it finds the old page or the new state, never
// fails, and nobody finds the old page afterwards.
KCT_SCENARIO(FaultMeetsAnInvalidation, "MN-05") {
  GiveWrittenSlot(world);
  world.ExpectRace("MN-05", {HostDrop(kHva, 1), Read(0, kGpa)}, Read(0, kGpa),
                   {"0 / 0, word 0x7 / 0, word 0x0", "0 / 0, word 0x0 / 0, word 0x0"});
}

// From the moment of the invalidation on nobody reaches what was mapped; accesses wait for its end.
KCT_SCENARIO(InvalidationTakesEntriesAway, "MN-01", "MN-04") {
  GiveWrittenSlot(world);
  world.Expect("MN-04", Read(0, kGpa), "0, word 0x7");
  world.ExpectRace("MN-01", {HostDrop(kHva, 1)}, Read(0, kGpa), {"0 / 0, word 0x0"});
  world.Begin("MN-01", HostDrop(kHva, 1));
  world.Expect("MN-01", Read(0, kGpa), "hangs");
}

// A new layout waits for the end of an invalidation.
KCT_SCENARIO(UpdateWaitsForInvalidations, "MEMSLOT-36") {
  GiveWrittenSlot(world);
  world.Begin("MN-01", HostDrop(kHva, 1));
  world.Expect("MEMSLOT-36", DeleteSlot(1), "hangs");
  world.Expect("MEMSLOT-36", AddSlot(2, kGpa + 8 * kPage, 1), "hangs");
}

// After a write to a page-table entry everybody translates by it, whoever uses the entry for the
// first time meanwhile.
KCT_SCENARIO(PageTableWriteIsNeverLost, "SHADOW-01", "SHADOW-02") {
  world.rules().two_dimensional_paging = false;
  const Operation write = WithAddress(WithValue(OfVcpu(Kind::kWritePageTable, 0), 1), kEntry);
  const Operation translate = WithAddress(OfVcpu(Kind::kTranslate, 1), kEntry);
  world.Expect("SHADOW-01", write, kDone);
  world.ExpectRace("SHADOW-02", {WithValue(write, 2), translate}, translate,
                   {"0 / 0, translation 0x1 / 0, translation 0x2",
                    "0 / 0, translation 0x2 / 0, translation 0x2"});
  world.Expect("SHADOW-01", translate, "0, translation 0x1");
  world.Expect("SHADOW-01", WithValue(write, 2), kDone);
  world.Expect("SHADOW-01", translate, "0, translation 0x2");
}

}  // namespace
}  // namespace kct::model
