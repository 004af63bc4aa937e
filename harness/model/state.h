// SPDX-License-Identifier: GPL-2.0-only
// State: one VM as the model sees it between two atomic steps. Small, printable, compared by value.
//
// What a page of the host holds is known only where somebody said so (a store of the host that was
// recorded, a write of the guest) or where it was read once; everything else may hold anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/model/fixed_vector.h"
#include "harness/model/rare.h"
#include "harness/model/shared.h"

namespace kct::model {

inline constexpr uint64_t kPageBytes = 4096;
inline constexpr std::size_t kMostSlots = 24;
inline constexpr std::size_t kMostWords = 48;
inline constexpr std::size_t kMostVcpus = 8;
inline constexpr std::size_t kMostFiles = 16;

constexpr uint64_t PageOf(uint64_t address) { return address / kPageBytes; }

struct Slot {
  uint32_t id;     // with the address space above bit 16
  uint32_t flags;  // KVM_MEM_*
  uint64_t gfn;    // first guest page
  uint64_t pages;
  uint64_t host;         // first page of the host's memory; without use where gmem_only
  uint64_t gmem_page;    // first page in the file
  int32_t gmem;          // number of the file, or -1
  bool gmem_only;        // shared accesses go to the file as well
  bool invalid;          // a delete or move has marked it and not yet finished
  bool moving;           // it is a move
  uint64_t dirty;        // written by the guest since the log was read; a bit a page, up to 64
  uint64_t maybe_dirty;  // may be in the log without having been written

  bool Covers(uint64_t page) const { return page >= gfn && page - gfn < pages; }
  uint32_t space() const { return id >> 16; }
  bool operator==(const Slot&) const = default;
};

struct GuestMemfd {
  uint64_t pages;
  uint64_t flags;
  bool closed;
  uint64_t poisoned;  // bit n: page n has failed; of the first 64
  bool forgotten;     // it may hold words that nobody knows
  // Proposed: its pages are converted in place; attributes of guest addresses don't count.
  bool in_place = false;
  uint64_t is_private = 0;  // bit n: page n is; of the first 64
  uint64_t held = 0;        // bit n: somebody has a reference to page n; of the first 64

  bool HasPrivate(uint64_t page) const { return page < 64 && (is_private >> page & 1) != 0; }
  bool operator==(const GuestMemfd&) const = default;
};

// A word of 8 bytes of the host's memory, or of a file, whose value is known.
struct Word {
  int32_t gmem;      // number of the file; -1: the host's memory
  uint64_t address;  // HVA or offset
  uint64_t value;
  bool operator==(const Word&) const = default;
};

// A guest page that has a stage-2 entry. Kept only where Rules::track_entries says so.
struct Entry {
  uint32_t space;
  uint64_t gfn;
  bool writable;
  bool operator==(const Entry&) const = default;
};

// A guest page that was found without a slot.
struct MmioPage {
  uint64_t page;
  uint16_t swaps;  // State::swaps then
};

struct State {
  FixedVector<Slot, kMostSlots> slots;
  FixedVector<GuestMemfd, kMostFiles> files;
  FixedVector<Word, kMostWords> words;
  std::vector<Entry> entries;
  Shared<Rare> rare;
  FixedVector<MmioPage, 4> remembered_mmio;  // filled by a planted bug only

  bool slots_lock = false;  // held by an update
  bool zap_all_quirk = true;
  bool roots_were_dropped = false;  // the last roots that became obsolete did so by kDropRoots
  uint16_t swaps = 0;               // how often the set of slots was replaced
  uint8_t old_readers = 0;          // in the read section since before the last swap
  uint8_t new_readers = 0;          // since after it
  uint8_t busy_vcpus = 0;           // bit n: the mutex of vCPU n is held
  uint8_t running_vcpus = 0;        // bit n: vCPU n is in KVM_RUN
  uint8_t smm_vcpus = 0;            // bit n: vCPU n is in system management mode
  uint8_t stale_roots = 0;          // bit n: the root of vCPU n is obsolete

  bool operator==(const State&) const;
  // Of what most answers depend on: not of the words, the dirty logs, of how often slots were
  // replaced, nor of which roots are stale.
  uint64_t Hash() const;
  std::string ToString() const;

  // The slot that covers a guest page in an address space; nullptr: none. A slot that is being
  // deleted or moved is found as well: look at `invalid`.
  const Slot* FindSlot(uint32_t space, uint64_t gfn) const;
  Slot* FindSlotById(uint32_t id);
  const Slot* FindSlotById(uint32_t id) const;
  uint64_t AttributesOf(uint64_t gfn) const;
  // Nobody may map this page of the slot now: an invalidation of it is under way.
  const Invalidation* FindInvalidation(const Slot& slot, uint64_t gfn) const;
  uint32_t SpaceOf(uint8_t vcpu) const { return smm_vcpus >> vcpu & 1; }
};

}  // namespace kct::model
