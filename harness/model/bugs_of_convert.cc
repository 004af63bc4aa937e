// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/bugs.h"

namespace kct::model {

const std::vector<BehaviourBug>& ConvertBugs() {
  static const std::vector<BehaviourBug> bugs = {
      // --- attributes
      {Bug::kRepeatedAttributesAreRefused, "repeated-attributes-are-refused", "ATTR-06",
       "EEXIST for attributes that are set already"},
      {Bug::kAttributesNeedSlot, "attributes-need-slot", "ATTR-07",
       "ENOENT for attributes of a range without a slot"},
      {Bug::kAttributesGoWithSlot, "attributes-go-with-slot", "ATTR-07",
       "deleting a slot clears the attributes of its range"},
      {Bug::kAttributesAreHalfApplied, "attributes-are-half-applied", "ATTR-08",
       "a call that fails for want of memory has set its first page"},
      {Bug::kConversionDropsContents, "conversion-drops-contents", "ATTR-11",
       "a conversion empties the pages"},
      {Bug::kConversionFailsWhereMapped, "conversion-fails-where-mapped", "ATTR-13",
       "EAGAIN for memory that is in use"},
      {Bug::kAttributesAreForEveryVm, "attributes-are-for-every-vm", "ATTR-02",
       "KVM_CAP_MEMORY_ATTRIBUTES reads 8 on a VM without private memory"},
      {Bug::kNoAttributesAreRefused, "no-attributes-are-refused", "ATTR-04",
       "EINVAL for no attributes at all on a VM without private memory"},
      {Bug::kMemoryStartsPrivate, "memory-starts-private", "ATTR-05",
       "the pages of a new VM are private from 1 GiB on"},
      {Bug::kRepeatedAttributesUnmap, "repeated-attributes-unmap", "ATTR-06",
       "attributes that are set already unmap the range"},
      {Bug::kAttributesStopForSignals, "attributes-stop-for-signals", "ATTR-09",
       "EINTR for a call that a signal meets"},
      {Bug::kConversionLeavesOldView, "conversion-leaves-old-view", "ATTR-10",
       "the guest goes on with the kind of memory that it used first"},
      {Bug::kHugePageSpansKinds, "huge-page-spans-kinds", "ATTR-12",
       "512 pages of both kinds become one entry"},
      {Bug::kConversionKeepsMappings, "conversion-keeps-mappings", "ATTR-14",
       "the entries of a range that is converted stay"},
      {Bug::kAttributesBadPointerIsEinval, "attributes-bad-pointer-is-einval", "ATTR-15",
       "EINVAL for an argument that can't be read"},
      // --- files of a VM with private memory
      {Bug::kFileTakesIoctls, "file-takes-ioctls", "CONV-01",
       "an ioctl on a guest_memfd returns 0"},
      // --- conversion in place, which is proposed
      {Bug::kPreservingDropsContents, "preserving-drops-contents", "CONV-04",
       "a conversion in place that keeps contents leaves zeros"},
      {Bug::kZeroingKeepsContents, "zeroing-keeps-contents", "CONV-04",
       "a conversion in place that zeroes contents keeps them"},
      {Bug::kHostKeepsConvertedPage, "host-keeps-converted-page", "CONV-04",
       "the host reaches a page that became private in place"},
      {Bug::kConversionIgnoresHolders, "conversion-ignores-holders", "CONV-05",
       "a page that somebody holds becomes private in place"},
      {Bug::kHolderIsNotNamed, "holder-is-not-named", "CONV-05",
       "EAGAIN of a conversion in place does not say which page is held"},
      {Bug::kFailedConversionIsHalfDone, "failed-conversion-is-half-done", "CONV-06",
       "a conversion in place that fails has converted its first page"},
      {Bug::kFailedConversionUnmaps, "failed-conversion-unmaps", "CONV-08",
       "a conversion in place that fails has unmapped its range from the guest"},
      // --- accesses
      {Bug::kPrivateWithoutSlotIsMmio, "private-without-slot-is-mmio", "RUN-23",
       "a private access without a slot is MMIO"},
      {Bug::kPrivateReachesHostMemory, "private-reaches-host-memory", "RUN-24",
       "a private access to a slot without guest_memfd reaches the host's memory"},
      {Bug::kMmioOutlivesConversion, "mmio-outlives-conversion", "ATTR-17",
       "an address that was MMIO stays so when it becomes private"},
      {Bug::kMismatchIsBare, "mismatch-is-bare", "RUN-26",
       "an access that meets a conversion is EFAULT and says nothing about where"},
      {Bug::kPrefaultIgnoresAttributes, "prefault-ignores-attributes", "PREFAULT-32",
       "a prefault maps the shared page although the page is private"},
      {Bug::kPrefaultSaysAgainOnFlip, "prefault-says-again-on-flip", "PREFAULT-35",
       "EAGAIN for a prefault that meets a conversion"},
  };
  return bugs;
}

}  // namespace kct::model
