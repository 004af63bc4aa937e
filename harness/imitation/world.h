// SPDX-License-Identifier: GPL-2.0-only
// World: everything that the imitated kernel knows, under one lock.
#pragma once

#include <unistd.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "harness/abi/host.h"
#include "harness/abi/uapi.h"
#include "harness/base/mapping.h"
#include "harness/imitation/fair_mutex.h"
#include "harness/imitation/guest.h"
#include "harness/imitation/host_pages.h"
#include "harness/model/rules.h"
#include "harness/model/state.h"

namespace kct::imitation {

struct Vcpu {
  uint8_t number = 0;
  Mapping run;  // what KVM_RUN shares with user space
  kvm_regs regs = {};
  kvm_sregs sregs = {};
  Guest guest;

  kvm_run& shared() const { return *static_cast<kvm_run*>(run.data()); }
};

// A guest_memfd; its number in the model is its index in Vm::files.
struct GuestFile {
  UniqueFd fd;
  UniqueFd nothing;  // what is mapped of it where the host may not touch it
};

struct Vm {
  model::Rules rules;
  model::State state;
  std::vector<std::unique_ptr<Vcpu>> vcpus;
  std::vector<GuestFile> files;
  // Where the entries of the stage-2 tables point to. An entry that a planted bug leaves behind
  // still does.
  std::map<std::pair<uint32_t, uint64_t>, Hva> mapped;
  bool lost_roots_to_parameter = false;  // at least once
  // Of which kind pages are for the guest, by number, where a planted bug keeps them so.
  std::map<uint64_t, uint64_t> first_attributes;
  // What pages held when the guest first used them, by host address: for a planted bug.
  std::map<Hva, std::vector<char>> kept;
  bool left_with_a_child = false;  // a planted bug keeps everything from now on
  // Proposed: where slots have a bitmap of the pages that leave for user space, by id; 0: none.
  std::map<uint32_t, Hva> fault_bitmaps;
  // Entries of a guest's page tables that were not present once: for a planted bug.
  std::set<Gpa> absent;
};

// A page of a file is kept under its number, where no page of the host can be.
inline Hva KeyOfFilePage(uint64_t offset) { return Hva{offset / kPage.count}; }

// What a file descriptor of the imitated kernel stands for.
struct Handle {
  // kPins: not KVM's; pages of a guest_memfd that somebody holds.
  enum class Kind { kSystem, kVm, kVcpu, kGuestMemfd, kPins };
  Kind kind = Kind::kSystem;
  std::shared_ptr<Vm> vm;        // not of kSystem
  std::size_t index = 0;         // of Vm::vcpus or Vm::files
  uint64_t page = 0, pages = 0;  // kPins
};

struct World {
  explicit World(const model::Rules& facts) : rules(facts) {}

  const pid_t owner = getpid();  // whose memory everything is about
  FairMutex mutex;
  std::condition_variable_any changed;
  model::Rules rules;
  std::map<int, Handle> handles;
  std::vector<Handle> kept_by_mappings;  // files whose descriptors are all closed
  HostPages pages;
  std::map<pid_t, KernelView> threads;                         // that are in a call
  std::map<std::string, std::string, std::less<>> parameters;  // "kvm_amd.npt"
  std::map<pid_t, Bytes> objects;  // what threads may have of them, if not all that they want

  bool Planted(model::Bug bug) const { return rules.planted.Is(bug); }
  // The host's pages behind the range are not what they were: what KVM had mapped is dropped.
  void Invalidate(Hva start, Bytes size);
  // The roots of the stage-2 tables of all VMs are obsolete, with all that hangs on them.
  void DropAllRoots();
};

// The slot of `space` that backs a guest address, as a host address.
Hva HostAddressOf(const model::Slot& slot, Gpa gpa);

}  // namespace kct::imitation
