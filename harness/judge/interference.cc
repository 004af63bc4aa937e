// SPDX-License-Identifier: GPL-2.0-only
#include "harness/judge/interference.h"

#include <algorithm>

namespace kct {
namespace {

using model::Access;
using model::Kind;
using model::Operation;
using model::Pending;
using model::Phase;
using model::State;

// What is known well enough; any other kind interferes with everything.
bool IsKnown(Kind kind) {
  return kind == Kind::kSetRegion || kind == Kind::kPreFault || kind == Kind::kRun ||
         kind == Kind::kAccess || kind == Kind::kWriteHost;
}

bool UsesVcpu(Kind kind) {
  return kind == Kind::kPreFault || kind == Kind::kRun || kind == Kind::kAccess;
}

bool Overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

// Guest memory that an update gives or takes: its new place, and where its slot is now.
bool IsAbout(const State& state, const Operation& update, const Operation& op) {
  const uint64_t size = std::max<uint64_t>(op.size, 1);
  if (Overlap(update.address, update.size, op.address, size)) return true;
  const model::Slot* slot = state.FindSlotById(update.slot);
  return slot != nullptr &&
         Overlap(slot->gfn * model::kPageBytes, slot->pages * model::kPageBytes, op.address, size);
}

bool WritesMemory(const Operation& op) {
  return op.kind == Kind::kWriteHost || op.access == Access::kWrite;
}

// Two accesses may find the same word by different addresses, but not at different places of a
// page.
bool ShareAWord(const Operation& a, const Operation& b) {
  return (WritesMemory(a) || WritesMemory(b)) &&
         a.address % model::kPageBytes == b.address % model::kPageBytes;
}

bool UpdateInterferes(const State& state, const Operation& update, const Pending& other) {
  switch (other.op.kind) {
    case Kind::kSetRegion:
      return true;
    case Kind::kPreFault:
      return other.phase == Phase::kReading || IsAbout(state, update, other.op);
    case Kind::kAccess:
      return IsAbout(state, update, other.op);
    default:
      return false;
  }
}

}  // namespace

bool MayInterfere(const model::Rules& rules, const State& state, const Pending& a,
                  const Pending& b) {
  // A planted bug may tie together whatever it likes.
  if (rules.planted != model::Planted()) return true;
  const Kind first = a.op.kind, second = b.op.kind;
  if (!IsKnown(first) || !IsKnown(second)) return true;
  if (first == Kind::kSetRegion) return UpdateInterferes(state, a.op, b);
  if (second == Kind::kSetRegion) return UpdateInterferes(state, b.op, a);
  if (UsesVcpu(first) && UsesVcpu(second) && a.op.vcpu == b.op.vcpu) return true;
  const bool both_access_memory = (first == Kind::kAccess || first == Kind::kWriteHost) &&
                                  (second == Kind::kAccess || second == Kind::kWriteHost);
  return both_access_memory && ShareAWord(a.op, b.op);
}

}  // namespace kct
