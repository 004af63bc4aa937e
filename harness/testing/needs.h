// SPDX-License-Identifier: GPL-2.0-only
// Needs: what a test wants of the machine. A test whose machine lacks one is skipped with the
// need's reason code; nothing else ever skips a test.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kct {

enum class Need {
  kTdp,          // two-dimensional paging: NPT or EPT
  kShadow,       // shadow paging: npt=0 or ept=0
  kPrefault,     // KVM_CAP_PRE_FAULT_MEMORY reads 1
  kRegion2,      // KVM_SET_USER_MEMORY_REGION2
  kGuestMemfd,   // guest_memfd that can be mapped and is shared from the start
  kTwoNodes,     // two nodes with memory
  kSwProtected,  // software-protected VMs: private memory on any CPU
  // --- proposed
  kInPlace,        // guest_memfd whose pages are converted in place
  kExitOnMissing,  // slots whose missing pages leave for user space
  kKvmUserfault,   // slots with a bitmap of pages that do
  // --- of the machine around KVM
  kReadonlyMem,  // read-only slots
  kZapAllQuirk,  // the quirk SLOT_ZAP_ALL can be turned off
  kDirtyRing,    // KVM_CAP_DIRTY_LOG_RING
  kManualLog,    // KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2
  kSmm,          // system management mode
  kNestedSvm,    // guests that may be hypervisors, with AMD's virtualization
  kApicv,        // interrupts of guests that the CPU delivers: AVIC, APICv
  kMmioTurn,     // the age of MMIO entries comes round in a time one can wait for
  kRoot,         // kernel stacks, module parameters
  kFrames,       // physical frames of pages
  kFailslab,     // allocations of the kernel's objects that can be made to fail
  kIoUring,      // io_uring, whose fixed buffers pin pages
  kCpu,          // a CPU that runs machine code: interrupts, 16-bit code
  // --- of the memory of the host (needs_of_memory.cc)
  kHostMemory,    // KVM hears of whatever the kernel does to it; all below need that as well
  kThp,           // huge pages on demand
  kHugetlb,       // reserved huge pages, or the right to reserve some
  kKsm,           // pages that are merged
  kSoftDirty,     // soft-dirty bits
  kGuardRegions,  // MADV_GUARD_INSTALL
  kPoison,        // the right to take pages for faulty
  kUffdProtect,   // userfaultfd that holds up writes of the kernel, too
  kUffdMove,      // UFFDIO_MOVE
  kUffdClose,     // UFFDIO_RWPROTECT
  kPagemapScan,   // PAGEMAP_SCAN, of writes that userfaultfd has noted
  kIdlePages,     // pages that can be marked as idle
  kLosePages,     // pages that may be lost until the machine starts again
  kZram,          // disks in memory, to swap to and to write to
  kUprobes,       // breakpoints that the kernel puts into mapped files
  kNumaScan,      // NUMA balancing, with times that can be set
  kOtherNode,     // a memory node to move pages to
  kBothPagings,   // a run in each paging mode, to be compared (ReportView); nothing of one alone
};

struct Missing {
  std::string_view reason;  // a code: "no-two-dimensional-paging"
  std::string text;         // what was looked at and what it said
};

// Looks at this machine. None: the need is met.
std::optional<Missing> Lacks(Need need);
// Of the needs of memory only.
std::optional<Missing> LacksOfMemory(Need need);

// "tdp", "shadow", "any" or "both": the paging mode that a set of needs asks for.
std::string_view PagingMode(const std::vector<Need>& needs);

}  // namespace kct
