// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/words.h"

namespace kct::model {
namespace {

Word* Find(State& state, const Place& place) {
  for (Word& word : state.words) {
    if (word.gmem == place.gmem && word.address == place.address) return &word;
  }
  return nullptr;
}

GuestMemfd* FileOf(State& state, const Place& place) {
  const auto number = static_cast<std::size_t>(place.gmem);
  return place.gmem >= 0 && number < state.files.size() ? &state.files[number] : nullptr;
}

}  // namespace

uint64_t ReadWord(const Rules& rules, State& state, const Place& place, uint64_t found) {
  if (const Word* word = Find(state, place)) return word->value;
  const GuestMemfd* file = FileOf(state, place);
  // Hardware that encrypts pages may show anything in one that the guest has not filled.
  const bool encrypted = rules.vm_type == VmType::kSnp || rules.vm_type == VmType::kTdx;
  const bool is_zero = file != nullptr && !file->forgotten && !encrypted &&
                       !rules.planted.Is(Bug::kFreshPageIsNotZero);
  const uint64_t value = is_zero ? 0 : found;
  WriteWord(state, place, value);
  return value;
}

void WriteWord(State& state, const Place& place, uint64_t value) {
  if (Word* word = Find(state, place)) {
    word->value = value;
  } else if (!state.words.full()) {
    state.words.push_back({place.gmem, place.address, value});
  } else if (GuestMemfd* file = FileOf(state, place)) {
    file->forgotten = true;
  }
}

void ForgetWord(State& state, const Place& place) {
  if (GuestMemfd* file = FileOf(state, place)) file->forgotten = true;
}

}  // namespace kct::model
