// SPDX-License-Identifier: GPL-2.0-only
// Stage: a VM whose one slot is a place, a vCPU that looks at it, and what may be seen there.
#pragma once

#include "harness/guest/machine.h"
#include "tests/notifier/place.h"

namespace kct {

class Stage {
 public:
  static constexpr Gpa kGpa = 1_GiB_gpa;

  // With an anchor the slot goes on behind the place for one page, which nobody has touched.
  enum class Anchor { kNone, kBehind };
  static Result<std::unique_ptr<Stage>> Make(const SourceCase& item, Anchor anchor = Anchor::kNone);

  const Source& source() const { return *source_; }
  Place& place() { return *place_; }
  const Place& place() const { return *place_; }
  Vm& vm() { return vm_; }
  GuestCpu& cpu() { return *cpu_; }
  GpaRange range() const { return {kGpa, place_->size()}; }
  Gpa Mark(std::size_t mark) const { return kGpa + place_->MarkAt(mark); }
  Gpa anchor() const { return range().end(); }
  Hva anchor_hva() const { return place_->hva() + place_->size(); }

  // The guest reads all marks, so that they are mapped: for writing, where the host has them so.
  Status LetTheGuestIn();

  // What is wrong with what the guest finds once the source has done its work; empty: nothing.
  std::string Complaint();

 private:
  Stage(const SourceCase& item, std::unique_ptr<Place> place, Vm vm)
      : source_(item.source), place_(std::move(place)), vm_(std::move(vm)) {}

  std::string ComplaintOfFaults(const char* access, Program (*at)(Gpa));
  std::string ComplaintOfPoison();
  std::string ComplaintOfReads();
  std::string ComplaintOfWrites();

  const Source* source_;
  std::unique_ptr<Place> place_;  // outlives the VM
  Vm vm_;
  std::optional<GuestMachine> machine_;
  std::optional<GuestCpu> cpu_;
};

}  // namespace kct
