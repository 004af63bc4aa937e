// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/rare.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/model/hasher.h"

namespace kct::model {
namespace {

std::string_view Name(Launch launch) {
  switch (launch) {
    case Launch::kNone:
      return "none";
    case Launch::kInitialized:
      return "initialized";
    case Launch::kStarted:
      return "started";
    case Launch::kFinished:
      return "finished";
  }
  return "?";
}

std::string_view Name(Invalidation::Of of) {
  switch (of) {
    case Invalidation::Of::kHostPages:
      return "host pages";
    case Invalidation::Of::kFilePages:
      return "file pages";
    case Invalidation::Of::kGuestPages:
      return "guest pages";
  }
  return "?";
}

}  // namespace

uint64_t Rare::Hash() const {
  Hasher hasher;
  for (const AttributeRange& range : attributes) {
    hasher.Add(range.first).Add(range.last).Add(range.attributes);
  }
  for (const Invalidation& one : invalidations) {
    hasher.Add(one.first).Add(one.last).Add(static_cast<uint64_t>(one.gmem) << 2 |
                                            static_cast<uint64_t>(one.of));
  }
  for (const PrivatePage& page : pages) {
    hasher.Add(page.page).Add(page.gfn << 2 | (page.usable ? 2u : 0u) | (page.huge ? 1u : 0u));
  }
  for (const LeftBehind& left : left_behind) hasher.Add(left.gpa).Add(left.value);
  for (const OpenExit& exit : exits) hasher.Add(exit.next).Add(exit.end << 8 | exit.vcpu);
  for (const ShadowedEntry& entry : shadowed) {
    hasher.Add(entry.address).Add(entry.guest).Add(entry.shadow << 1 | (entry.counted ? 1u : 0u));
  }
  hasher.Add(static_cast<uint64_t>(invalidated) | static_cast<uint64_t>(created_vcpus) << 16 |
             static_cast<uint64_t>(initialized_vcpus) << 24 |
             static_cast<uint64_t>(protected_vcpus) << 32 | static_cast<uint64_t>(launch) << 40 |
             static_cast<uint64_t>(dead) << 48 | static_cast<uint64_t>(exits_enabled) << 49);
  return hasher.value();
}

std::string Rare::ToString() const {
  std::string text;
  for (const AttributeRange& range : attributes) {
    text += fmt::format("attributes {:#x}: guest pages {:#x}..{:#x}\n", range.attributes,
                        range.first, range.last);
  }
  for (const Invalidation& one : invalidations) {
    text += fmt::format("invalidation of {} {:#x}..{:#x}\n", Name(one.of), one.first, one.last);
  }
  for (const PrivatePage& page : pages) {
    text += fmt::format("private page {:#x} of guest_memfd {}: guest page {:#x}, {}{}\n", page.page,
                        page.gmem, page.gfn, page.usable ? "usable" : "not yet usable",
                        page.huge ? ", in an entry of 2 MiB" : "");
  }
  for (const OpenExit& exit : exits) {
    text += fmt::format("vcpu{} waits for an answer about {:#x}\n", exit.vcpu, exit.next);
  }
  for (const ShadowedEntry& entry : shadowed) {
    text += fmt::format("page-table entry at {:#x}: guest {:#x}, shadow {:#x}{}\n", entry.address,
                        entry.guest, entry.shadow, entry.counted ? ", counted" : "");
  }
  if (launch != Launch::kNone) text += fmt::format("launch {}\n", Name(launch));
  if (dead) text += "dead\n";
  return text;
}

uint64_t Rare::AttributesOf(uint64_t gfn) const {
  for (const AttributeRange& range : attributes) {
    if (gfn >= range.first && gfn <= range.last) return range.attributes;
  }
  return 0;
}

bool Rare::HasAttributes(uint64_t first, uint64_t last, uint64_t wanted) const {
  uint64_t covered = 0;
  for (const AttributeRange& range : attributes) {
    if (range.last < first || range.first > last) continue;
    if (range.attributes != wanted) return false;
    covered += std::min(range.last, last) - std::max(range.first, first) + 1;
  }
  return wanted == 0 ? covered == 0 : covered == last - first + 1;
}

void Rare::SetAttributes(uint64_t first, uint64_t last, uint64_t wanted) {
  std::vector<AttributeRange> rest;
  for (const AttributeRange& range : attributes) {
    if (range.first < first) {
      rest.push_back({range.first, std::min(range.last, first - 1), range.attributes});
    }
    if (range.last > last) {
      rest.push_back({std::max(range.first, last + 1), range.last, range.attributes});
    }
  }
  if (wanted != 0) rest.push_back({first, last, wanted});
  attributes = std::move(rest);
}

const PrivatePage* Rare::FindPage(int32_t gmem, uint64_t page) const {
  const auto found = std::find_if(pages.begin(), pages.end(), [&](const PrivatePage& one) {
    return one.gmem == gmem && one.page == page;
  });
  return found == pages.end() ? nullptr : &*found;
}

PrivatePage* Rare::FindPage(int32_t gmem, uint64_t page) {
  return const_cast<PrivatePage*>(std::as_const(*this).FindPage(gmem, page));
}

const OpenExit* Rare::FindExit(uint8_t vcpu) const {
  const auto found = std::find_if(exits.begin(), exits.end(),
                                  [&](const OpenExit& one) { return one.vcpu == vcpu; });
  return found == exits.end() ? nullptr : &*found;
}

}  // namespace kct::model
