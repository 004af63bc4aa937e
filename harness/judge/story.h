// SPDX-License-Identifier: GPL-2.0-only
// Story: recordings written by hand, for tests of the judge.
//
//   Story story;
//   story.Call("main", story.CreateSlot(1, gpa, 4), {});
//   story.CallAt(100, 200, "delete", story.DeleteSlot(1), {});
//   Judge(story.recording(), {})
#pragma once

#include <map>
#include <string>

#include "harness/history/recording.h"

namespace kct {

class Story {
 public:
  Story();

  // --- operations
  // ----------------------------------------------------------------------------------
  model::Operation CreateSlot(uint32_t id, uint64_t gpa, uint64_t pages);
  // REQUIRES: a slot of this id was created.
  model::Operation DeleteSlot(uint32_t id);
  model::Operation MoveSlot(uint32_t id, uint64_t gpa);
  static model::Operation PreFault(uint8_t vcpu, uint64_t gpa, uint64_t pages);
  static model::Operation Run(uint8_t vcpu);
  static model::Operation Read(uint8_t vcpu, uint64_t gpa);
  static model::Operation Write(uint8_t vcpu, uint64_t gpa, uint64_t value);
  // A prefault that failed and left its argument alone.
  static model::Outcome Unchanged(uint64_t gpa, uint64_t pages, int error);

  // --- what happened
  // ------------------------------------------------------------------------------- After
  // everything so far. The index of the call, as for the others.
  uint32_t Call(const std::string& lane, const model::Operation& op, const model::Outcome& seen);
  uint32_t CallAt(uint64_t begin, uint64_t end, const std::string& lane, const model::Operation& op,
                  const model::Outcome& seen);
  uint32_t HangFrom(uint64_t begin, const std::string& lane, const model::Operation& op);
  void See(uint64_t time, uint32_t call, model::Phase phase);

  const Recording& recording() const { return recording_; }

 private:
  uint32_t Add(const std::string& lane, const RecordedCall& call);
  Recording recording_;
  std::map<uint32_t, model::Operation> slots_;
  uint64_t clock_ = 0;
};

}  // namespace kct
