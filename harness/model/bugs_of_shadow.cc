// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/bugs.h"

namespace kct::model {

const std::vector<BehaviourBug>& ShadowBugs() {
  static const std::vector<BehaviourBug> bugs = {
      {Bug::kTrackingZapsNothing, "tracking-zaps-nothing", "SHADOW-01",
       "a write to a page table leaves KVM's copy alone"},
      {Bug::kTrackingLooksBeforeTheWrite, "tracking-looks-before-the-write", "SHADOW-02",
       "the writer looks for copies before its write"},
      {Bug::kShadowedEntryIsNotReread, "shadowed-entry-is-not-reread", "SHADOW-02",
       "a new copy is made of what was read before it was announced"},
      {Bug::kShadowPagesOutliveTheSlots, "shadow-pages-outlive-the-slots", "SHADOW-13",
       "copies of page-table entries outlive the end of all other mappings"},
      {Bug::kAbsentEntryIsKept, "absent-entry-is-kept", "SHADOW-17",
       "a page-table entry that was not present is not looked at again"},
      {Bug::kNextEntryIsMissed, "next-entry-is-missed", "SHADOW-18",
       "a store that ends in the next page-table entry counts for the one that it began in"},
      {Bug::kStatisticIsMissing, "statistic-is-missing", "SHADOW-16",
       "the last statistic of a VM or vCPU is missing"},
  };
  return bugs;
}

}  // namespace kct::model
