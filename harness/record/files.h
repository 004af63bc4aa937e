// SPDX-License-Identifier: GPL-2.0-only
// FileStory: what became of the guest_memfds of a VM besides ioctls: closed, punched, poisoned.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "harness/history/recording.h"
#include "harness/record/objects.h"

namespace kct {

class FileStory {
 public:
  explicit FileStory(const VmEvents& vm);

  // As operations of the model, and the threads that made them.
  struct Call {
    RecordedCall call;
    uint32_t thread;
  };
  const std::vector<Call>& calls() const { return calls_; }

  // Whether a file may have gone by then without a call that says so: somebody closed it while it
  // was mapped.
  bool MayBeGone(int32_t file, uint64_t until) const;
  // Whether any file had gone by then, or may have, and whether any page had failed.
  bool AnyIsClosed(uint64_t until) const { return first_close_ <= until; }
  bool AnyIsPoisoned(uint64_t until) const { return first_poison_ <= until; }

 private:
  void AddClose(const VmEvents::FileEvent& event);
  void AddPoison(const VmEvents::FileEvent& event);
  void AddPunch(const VmEvents::FileEvent& event);
  RecordedCall& Add(const VmEvents::FileEvent& event, const model::Operation& op);

  std::vector<Call> calls_;
  std::map<int32_t, int> mappings_;            // of each file, just now
  std::map<int32_t, uint64_t> closed_mapped_;  // since when
  std::set<int32_t> poisoned_;
  uint64_t first_close_ = UINT64_MAX, first_poison_ = UINT64_MAX;
};

}  // namespace kct
