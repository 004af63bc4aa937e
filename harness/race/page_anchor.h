// SPDX-License-Identifier: GPL-2.0-only
// PageAnchor: parks whoever touches a page of host memory at exactly that point.
//
// What it freezes, by who touches the page first:
//   a prefault of the GPA behind it   inside KVM_PRE_FAULT_MEMORY: the slot has been looked up, the
//                                     root is loaded, the SRCU read section of the memslots is
//                                     held, mmu_lock is not; nothing is mapped yet
//   a vCPU whose guest touches it     inside KVM_RUN, at the same point of the fault
//   a copy by KVM itself              wherever KVM reads or writes guest memory (emulator)
//   a host thread                     in its own access, outside KVM
//
//   ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(slot.hva()));
//   prefault.Start(…);
//   ASSERT_REACHED(anchor.WaitReached(), "the prefault is parked in the page");
//   … change the world …
//   ASSERT_OK(anchor.Release());
#pragma once

#include <cerrno>

#include "harness/abi/userfaultfd.h"
#include "harness/base/patience.h"
#include "harness/base/tape.h"

namespace kct {

class PageAnchor {
 public:
  static constexpr Duration kPatience = 5s;

  // REQUIRES: `page` is page aligned, mapped by this process, and was never touched.
  static Result<PageAnchor> At(Hva page) {
    KCT_TRY(Userfaultfd fd, Userfaultfd::Register(page, kPage, OnFault::kWait));
    return PageAnchor(std::move(fd), page);
  }

  // Whether somebody is parked there now; looks for kPatience.
  bool WaitReached() {
    const bool reached =
        uffd_.NextFault(GiveUpAfter(kPatience)) == PageFault{page_, FaultKind::kMissing};
    if (reached) PutOnTape(TapeKind::kSeenInPage, page_.value);
    return reached;
  }
  // Supplies a zeroed page and lets everybody parked there go on; the anchor is spent.
  Status Release() {
    const CallRecord zeros = uffd_.Zeros(page_, kPage);
    if (zeros.ok() || zeros.error == Errno(EEXIST)) return {};
    return MakeError("{}", zeros.ToString());
  }

 private:
  PageAnchor(Userfaultfd fd, Hva page) : uffd_(std::move(fd)), page_(page) {}
  Userfaultfd uffd_;
  Hva page_;
};

}  // namespace kct
