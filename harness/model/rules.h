// SPDX-License-Identifier: GPL-2.0-only
// Rules: the facts about a kernel that the model's steps depend on, and the bug planted in it, if
// any.
#pragma once

#include <cstdint>

#include "harness/model/bugs.h"

namespace kct::model {

// Numbered as KVM_X86_*_VM.
enum class VmType : uint8_t { kDefault, kSoftwareProtected, kSev, kSevEs, kSnp, kTdx };

struct Rules {
  VmType vm_type = VmType::kDefault;
  bool two_dimensional_paging = true;
  bool prefault = true;                           // KVM_CAP_PRE_FAULT_MEMORY
  bool readonly_slots = true;                     // KVM_CAP_READONLY_MEM
  bool guest_memfd = true;                        // KVM_CAP_GUEST_MEMFD_FLAGS: mmap and init-shared
  bool lacks_attributes = false;                  // no VM type with private memory is compiled in
  bool in_place_conversion = false;               // proposed: attributes are those of files
  bool fault_exits = false;                       // proposed: flags of slots for them
  uint64_t supported_attributes = 0;              // KVM_CAP_MEMORY_ATTRIBUTES
  uint32_t slot_ids = 32764;                      // KVM_CAP_NR_MEMSLOTS
  uint32_t address_spaces = 2;                    // KVM_CAP_MULTI_ADDRESS_SPACE
  uint64_t first_gfn_beyond = uint64_t{1} << 36;  // of the guest addresses that a slot may have
  bool clearing_needs_memory = false;             // 6.8..6.12: of attributes, ATTR-08
  bool answer_is_not_preset = false;              // ..6.13: of an exit, HC-05
  bool answer_is_not_checked = false;             // ..7.0: to a page state change, SNP-30, TDX-25
  // Whether State::entries is kept. The judge does without: what is mapped shows in statistics
  // only, and an access to a slot that is going may still find an entry.
  bool track_entries = false;
  // SNP: a private page may share a 2 MiB entry with its neighbours. Up to 7.3 KVM makes entries of
  // 4 KiB only.
  bool huge_private_pages = false;
  Planted planted;

  bool has_private_memory() const {
    return vm_type == VmType::kSoftwareProtected || vm_type == VmType::kSnp ||
           vm_type == VmType::kTdx;
  }

  bool operator==(const Rules&) const = default;
};

}  // namespace kct::model
