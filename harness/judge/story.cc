// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/story.h"

#include <algorithm>

namespace kct {

using model::Kind;
using model::Operation;

Story::Story() { recording_.test = "a story"; }

Operation Story::CreateSlot(uint32_t id, uint64_t gpa, uint64_t pages) {
  const Operation op{.kind = Kind::kSetRegion,
                     .slot = id,
                     .address = gpa,
                     .size = pages * model::kPageBytes,
                     .host = uint64_t{0x7f0000000000} + id * uint64_t{0x10000000}};
  slots_[id] = op;
  return op;
}

Operation Story::DeleteSlot(uint32_t id) {
  Operation op = slots_[id];
  op.kind = Kind::kSetRegion;
  op.slot = id;
  op.size = 0;
  return op;
}

Operation Story::MoveSlot(uint32_t id, uint64_t gpa) {
  slots_[id].address = gpa;
  return slots_[id];
}

Operation Story::PreFault(uint8_t vcpu, uint64_t gpa, uint64_t pages) {
  return {.kind = Kind::kPreFault, .vcpu = vcpu, .address = gpa, .size = pages * model::kPageBytes};
}

Operation Story::Run(uint8_t vcpu) { return {.kind = Kind::kRun, .vcpu = vcpu}; }

Operation Story::Read(uint8_t vcpu, uint64_t gpa) {
  return {.kind = Kind::kAccess, .vcpu = vcpu, .address = gpa, .size = 8};
}

Operation Story::Write(uint8_t vcpu, uint64_t gpa, uint64_t value) {
  return {.kind = Kind::kAccess,
          .vcpu = vcpu,
          .access = model::Access::kWrite,
          .address = gpa,
          .size = 8,
          .value = value};
}

model::Outcome Story::Unchanged(uint64_t gpa, uint64_t pages, int error) {
  return {.error = Errno(error), .left = pages * model::kPageBytes, .address = gpa};
}

uint32_t Story::Call(const std::string& lane, const Operation& op, const model::Outcome& seen) {
  return CallAt(clock_ + 1, clock_ + 2, lane, op, seen);
}

uint32_t Story::CallAt(uint64_t begin, uint64_t end, const std::string& lane, const Operation& op,
                       const model::Outcome& seen) {
  clock_ = std::max({clock_, begin, end});
  return Add(lane, {.op = op, .seen = seen, .begin = begin, .end = end});
}

uint32_t Story::HangFrom(uint64_t begin, const std::string& lane, const Operation& op) {
  return Add(lane, {.op = op, .begin = begin, .returned = false});
}

void Story::See(uint64_t time, uint32_t call, model::Phase phase) {
  recording_.sightings.push_back({call, time, phase});
}

uint32_t Story::Add(const std::string& lane, const RecordedCall& call) {
  auto& lanes = recording_.lanes;
  const auto found = std::find(lanes.begin(), lanes.end(), lane);
  recording_.calls.push_back(call);
  recording_.calls.back().lane = static_cast<uint32_t>(found - lanes.begin());
  if (found == lanes.end()) lanes.push_back(lane);
  return static_cast<uint32_t>(recording_.calls.size() - 1);
}

}  // namespace kct
