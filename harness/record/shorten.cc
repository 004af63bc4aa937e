// SPDX-License-Identifier: GPL-2.0-only
#include "harness/record/shorten.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace kct {
namespace {

using model::Kind;

// The first call from `from` on before which all others were over; none: there is no such.
std::optional<std::size_t> QuietMoment(const Recording& recording, std::size_t from) {
  uint64_t latest_end = 0;
  for (std::size_t i = 0; i < recording.calls.size(); ++i) {
    const RecordedCall& call = recording.calls[i];
    if (call.refused) continue;
    if (i >= from && call.begin > latest_end) return i;
    if (!call.returned) return std::nullopt;
    latest_end = std::max(latest_end, call.end);
  }
  return std::nullopt;
}

bool HasEffect(const RecordedCall& call) {
  return !call.refused && !call.any_answer && call.seen.error == Errno();
}

// Which of the first `count` calls have made the VM as it is after them, in their order. Nothing:
// that can't be told, because two updates of a slot overlapped.
std::optional<std::set<std::size_t>> Makers(const Recording& recording, std::size_t count) {
  std::set<std::size_t> makers;
  std::map<std::pair<Kind, uint64_t>, std::size_t> last;  // of a kind, about one slot or vCPU
  for (std::size_t i = 0; i < count; ++i) {
    const RecordedCall& call = recording.calls[i];
    const Kind kind = call.op.kind;
    if (kind == Kind::kSetRegion || kind == Kind::kSetMode) {
      if (!HasEffect(call)) continue;
      const uint64_t about = kind == Kind::kSetRegion ? call.op.slot : call.op.vcpu;
      const auto [found, is_first] = last.insert({{kind, about}, i});
      if (!is_first && recording.calls[found->second].end >= call.begin) return std::nullopt;
      found->second = i;
    } else if (kind == Kind::kCreateGuestMemfd || kind == Kind::kDisableQuirks ||
               kind == Kind::kCloseGuestMemfd) {
      makers.insert(i);
    }
  }
  for (const auto& [what, index] : last) {
    const bool is_delete = what.first == Kind::kSetRegion && recording.calls[index].op.size == 0;
    if (!is_delete) makers.insert(index);
  }
  return makers;
}

void Keep(Recording& recording, const std::set<std::size_t>& makers, std::size_t first,
          std::size_t last) {
  std::vector<RecordedCall> kept;
  std::map<uint32_t, uint32_t> place;
  for (std::size_t i = 0; i < last; ++i) {
    if (i < first && makers.count(i) == 0) continue;
    place[static_cast<uint32_t>(i)] = static_cast<uint32_t>(kept.size());
    kept.push_back(recording.calls[i]);
  }
  recording.calls = std::move(kept);
  std::erase_if(recording.sightings,
                [&](const Sighting& sighting) { return place.count(sighting.call) == 0; });
  for (Sighting& sighting : recording.sightings) sighting.call = place[sighting.call];
}

void KeepTheEnd(Recording& recording, const std::set<std::size_t>& makers, std::size_t first) {
  // What was in a log by then nobody knows any more.
  std::set<uint32_t> logs;
  for (std::size_t i = first; i < recording.calls.size(); ++i) {
    RecordedCall& call = recording.calls[i];
    if (call.op.kind == Kind::kGetDirtyLog && logs.insert(call.op.slot).second) {
      call.any_answer = true;
    }
  }
  recording.unjudged.push_back(fmt::format("{} calls are left out, before the last {}",
                                           first - makers.size(), recording.calls.size() - first));
  Keep(recording, makers, first, recording.calls.size());
}

void KeepTheBeginning(Recording& recording, std::size_t most) {
  const uint64_t cut = recording.calls[most].begin;
  recording.unjudged.push_back(fmt::format("{} calls are left out, after the first {}",
                                           recording.calls.size() - most, most));
  Keep(recording, {}, 0, most);
  for (RecordedCall& call : recording.calls) {
    if (!call.returned || call.end < cut) continue;
    call.returned = false;
    call.end = 0;
  }
  std::erase_if(recording.sightings,
                [&](const Sighting& sighting) { return sighting.time >= cut; });
  recording.truncated = true;
}

}  // namespace

void Shorten(Recording& recording, std::size_t most) {
  if (recording.calls.size() <= most) return;
  if (const auto first = QuietMoment(recording, recording.calls.size() - most)) {
    if (const auto makers = Makers(recording, *first)) {
      return KeepTheEnd(recording, *makers, *first);
    }
  }
  KeepTheBeginning(recording, most);
}

}  // namespace kct
