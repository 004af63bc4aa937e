// SPDX-License-Identifier: GPL-2.0-only
// Sources that move pages, or look whether they ought to be moved.
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <thread>

#include "harness/abi/host_memory.h"
#include "harness/abi/mm_uapi.h"
#include "harness/base/clock.h"
#include "harness/base/errno.h"
#include "harness/base/patience.h"
#include "tests/notifier/place.h"

namespace kct {
namespace {

// One page after the other moves to another frame, and its old one is out of use from then on.
int SoftOffline(Place& place) {
  for (std::size_t mark = 0; mark < Place::kMarks; ++mark) {
    if (madvise(Pointer(place.Mark(mark)), kPage.count, MADV_SOFT_OFFLINE) != 0) return -1;
  }
  return 0;
}

int NodeElsewhere(Hva page) { return NodeOf(page) == 0 ? 1 : 0; }

// To the node that they are not on.
int MovePages(Place& place) {
  void* pages[Place::kMarks];
  int nodes[Place::kMarks], status[Place::kMarks] = {};
  for (std::size_t mark = 0; mark < Place::kMarks; ++mark) {
    pages[mark] = Pointer(place.Mark(mark));
    nodes[mark] = NodeElsewhere(place.Mark(mark));
  }
  const long left = syscall(SYS_move_pages, 0, Place::kMarks, pages, nodes, status, MPOL_MF_MOVE);
  return left < 0 ? -1 : 0;
}

int BindElsewhere(Place& place) {
  const uint64_t nodes = uint64_t{1} << NodeElsewhere(place.hva());
  return static_cast<int>(syscall(SYS_mbind, Pointer(place.hva()), place.size().count, MPOL_BIND,
                                  &nodes, 8 * sizeof nodes, MPOL_MF_MOVE));
}

// --- NUMA balancing -------------------------------------------------------------------------

// How often all memory of this process was gone through; -1: nobody can tell.
long Scans() {
  std::ifstream file("/proc/self/sched");
  std::string name, colon;
  for (long value = 0; file >> name; std::getline(file, colon)) {
    if (name == "mm->numa_scan_seq" && file >> colon >> value) return value;
  }
  return -1;
}

// Each tick of a thread that runs may begin a scan, of a part of the memory. The smaller the part,
// the sooner the next one may begin. Memory that has a policy is left out, and kct's VMs give all
// programs one.
int LetThisProcessBeScanned(Place& place) {
  const std::string knobs = "/sys/kernel/debug/sched/numa_balancing/";
  if (syscall(SYS_set_mempolicy, MPOL_DEFAULT, nullptr, 0) != 0) return -1;
  const bool set = place.Set(knobs + "scan_delay_ms", "0") == 0 &&
                   place.Set(knobs + "scan_period_min_ms", "1") == 0 &&
                   place.Set(knobs + "scan_period_max_ms", "10") == 0 &&
                   place.Set(knobs + "scan_size_mb", "16") == 0;
  return set ? 0 : -1;
}

// A scan may have been under way: after the second that ends from now on the place was gone
// through. The look at their number is the work that brings the ticks.
int BeScanned(Place&) {
  bool seen = false;
  std::thread worker([&seen] {
    const long before = Scans();
    seen = WaitUntil([&] { return Scans() >= before + 2; }, GiveUpAfter(10s));
  });
  worker.join();
  return seen ? 0 : FailWith(Errno(ETIME));
}

}  // namespace

std::vector<Source> SourcesThatMove() {
  return {
      {.name = "soft_offline",
       .clause = "MN-26",
       .after = After::kOldWords,
       .fire = SoftOffline,
       .gives_up = EBUSY,
       .page_sizes = {PageSize::k4K},
       .needs = {Need::kPoison}},
      {.name = "move_pages",
       .clause = "MN-26",
       .after = After::kOldWords,
       .fire = MovePages,
       .needs = {Need::kOtherNode}},
      {.name = "mbind",
       .clause = "MN-26",
       .after = After::kOldWords,
       .fire = BindElsewhere,
       .needs = {Need::kOtherNode}},
      {.name = "numa_balancing",
       .clause = "MN-26",
       .after = After::kOldWords,
       .fire = BeScanned,
       .prepare = LetThisProcessBeScanned,
       .meetings = 2,
       .needs = {Need::kNumaScan}},
  };
}

}  // namespace kct
