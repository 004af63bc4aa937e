// SPDX-License-Identifier: GPL-2.0-only
// Rare: the part of a VM's state that most recordings never touch: attributes, invalidations under
// way, exits that wait for an answer, the launch of a confidential VM and its pages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kct::model {

// [first, last] of guest pages with attributes; pages in none have none.
struct AttributeRange {
  uint64_t first;
  uint64_t last;
  uint64_t attributes;
  bool operator==(const AttributeRange&) const = default;
};

// Pages that nobody may map until whoever invalidates them is done.
struct Invalidation {
  enum class Of : uint8_t { kHostPages, kFilePages, kGuestPages };
  Of of;
  int32_t gmem;  // kFilePages: number of the file
  uint64_t first;
  uint64_t last;
  uint64_t attributes;  // kGuestPages: what they are being set to
  bool operator==(const Invalidation&) const = default;
};

// A page of a guest_memfd that belongs to the guest, by SNP's reverse map or TDX's secure table.
struct PrivatePage {
  int32_t gmem;
  uint64_t page;  // in the file
  uint64_t gfn;   // where the guest has it
  bool usable;    // SNP: validated. TDX: accepted, or part of the initial image
  bool huge;      // SNP: its entry covers 2 MiB
  bool operator==(const PrivatePage&) const = default;
};

// An exit for KVM_HC_MAP_GPA_RANGE that user space has to answer.
struct OpenExit {
  uint8_t vcpu;
  uint64_t next;        // GPA of this exit
  uint64_t end;         // TDX: of the whole request
  uint64_t attributes;  // as in the exit
  bool operator==(const OpenExit&) const = default;
};

enum class Launch : uint8_t {
  kNone,
  kInitialized,  // KVM_SEV_INIT2, KVM_TDX_INIT_VM
  kStarted,      // KVM_SEV_SNP_LAUNCH_START
  kFinished,     // KVM_SEV_SNP_LAUNCH_FINISH, KVM_TDX_FINALIZE_VM
};

// A guest's page-table entry under shadow paging, and KVM's copy of it.
struct ShadowedEntry {
  uint64_t address = 0;  // GPA of the guest's entry
  uint64_t guest = 0;    // what the guest wrote
  uint64_t shadow = 0;   // what KVM translates by; 0: nothing yet
  bool counted = false;  // the page that holds the entry counts as a page table
  bool operator==(const ShadowedEntry&) const = default;
};

// What a planted bug has left for the guest to find.
struct LeftBehind {
  uint64_t gpa;
  uint64_t value;
  bool operator==(const LeftBehind&) const = default;
};

struct Rare {
  std::vector<AttributeRange> attributes;  // apart from each other, in no order
  std::vector<Invalidation> invalidations;
  std::vector<PrivatePage> pages;
  std::vector<OpenExit> exits;
  std::vector<ShadowedEntry> shadowed;
  std::vector<LeftBehind> left_behind;
  uint16_t invalidated = 0;  // how many invalidations are over
  uint8_t created_vcpus = 0;
  uint8_t initialized_vcpus = 0;  // TDX: KVM_TDX_INIT_VCPU
  uint8_t protected_vcpus = 0;    // SNP: their state is encrypted
  Launch launch = Launch::kNone;
  bool dead = false;
  bool exits_enabled = false;  // KVM_CAP_EXIT_HYPERCALL

  bool operator==(const Rare&) const = default;
  uint64_t Hash() const;
  std::string ToString() const;

  uint64_t AttributesOf(uint64_t gfn) const;
  bool HasAttributes(uint64_t first, uint64_t last, uint64_t attributes) const;
  void SetAttributes(uint64_t first, uint64_t last, uint64_t attributes);
  PrivatePage* FindPage(int32_t gmem, uint64_t page);
  const PrivatePage* FindPage(int32_t gmem, uint64_t page) const;
  const OpenExit* FindExit(uint8_t vcpu) const;
};

}  // namespace kct::model
