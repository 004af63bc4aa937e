// SPDX-License-Identifier: GPL-2.0-only
#include "harness/record/files.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace kct {

using model::Kind;

FileStory::FileStory(const VmEvents& vm) {
  for (const VmEvents::FileEvent& event : vm.file_events) {
    switch (event.taped.event->kind) {
      case TapeKind::kFileMapped:
        ++mappings_[event.file];
        break;
      case TapeKind::kUnmapped:
        --mappings_[event.file];
        break;
      case TapeKind::kClosed:
        AddClose(event);
        break;
      case TapeKind::kPoisoned:
        AddPoison(event);
        break;
      case TapeKind::kFallocate:
        AddPunch(event);
        break;
      default:
        break;
    }
  }
}

bool FileStory::MayBeGone(int32_t file, uint64_t until) const {
  const auto found = closed_mapped_.find(file);
  return found != closed_mapped_.end() && found->second <= until;
}

RecordedCall& FileStory::Add(const VmEvents::FileEvent& event, const model::Operation& op) {
  const TapeEvent& taped = *event.taped.event;
  RecordedCall& call = calls_.emplace_back(Call{{}, event.taped.thread}).call;
  call.op = op;
  call.op.gmem = event.file;
  call.begin = taped.begin;
  call.end = taped.end;
  call.returned = taped.returned;
  return call;
}

// A descriptor that was duplicated, or inherited by a child, nobody in the suites closes last.
void FileStory::AddClose(const VmEvents::FileEvent& event) {
  const uint64_t begin = event.taped.event->begin;
  first_close_ = std::min(first_close_, begin);
  if (mappings_[event.file] > 0) {
    closed_mapped_.try_emplace(event.file, begin);
  } else {
    Add(event, {.kind = Kind::kCloseGuestMemfd});
  }
}

// The call complains although it has done its work.
void FileStory::AddPoison(const VmEvents::FileEvent& event) {
  const TapeEvent& taped = *event.taped.event;
  const bool done = !taped.returned || taped.ret == 0 || taped.error == Errno(EBUSY);
  if (!done) return;
  first_poison_ = std::min(first_poison_, taped.begin);
  poisoned_.insert(event.file);
  RecordedCall& call = Add(event, {.kind = Kind::kPoisonGuestMemfd, .address = event.offset});
  call.seen.error = taped.error;
  call.any_answer = taped.ret == 0;
}

// What is in a file is no part of a history: a hole matters for poison alone.
void FileStory::AddPunch(const VmEvents::FileEvent& event) {
  const TapeEvent& taped = *event.taped.event;
  const bool punches = (taped.before[2] & FALLOC_FL_PUNCH_HOLE) != 0;
  if (!punches || (taped.returned && taped.ret < 0) || !poisoned_.contains(event.file)) return;
  Add(event, {.kind = Kind::kPunchGuestMemfd, .address = taped.before[0], .size = taped.before[1]});
}

}  // namespace kct
