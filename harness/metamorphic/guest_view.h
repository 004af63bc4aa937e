// SPDX-License-Identifier: GPL-2.0-only
// GuestView: all that the guest of a scenario could see, and what was left in its memory: what must
// be the same whatever the memory is made of.
//
//   const std::optional<std::string> difference = FirstDifference(expected, actual);
//
// Times are left out, and how often a wait looked; so are the answers that the host gets.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/guest/exit.h"
#include "harness/metamorphic/scenario.h"

namespace kct {

struct ViewLine {
  std::string what;  // "vCPU 0, op 7: read width=8 gpa=0x40000000"
  std::string saw;   // "ok value=0x7 count=1 runs=1"
};

using PageWords = std::array<uint64_t, 512>;

struct GuestView {
  std::vector<std::vector<ViewLine>> episodes;
  std::map<uint64_t, PageWords> memory;  // at the end; pages that are zero are left out
};

// What an operation let the guest see.
std::string Seen(const guest::Op& op, const guest::OpResult& result);
// What an exit showed to the host: it is the guest that made it so.
std::string Seen(const GuestExit& guest_exit);

// The lines of a vCPU for its part in an episode: its exits in order, then each operation.
std::vector<ViewLine> LinesOf(int cpu, const std::vector<GuestExit>& exits, const Program& program,
                              const std::vector<guest::OpResult>& results);

// Two views with the names that a reader knows them by.
struct Compared {
  std::string_view name;
  const GuestView& view;
};
// Where the second departs from the first: which operation or word, what each saw, and the lines
// before it. Nothing: they are the same.
std::optional<std::string> FirstDifference(const Compared& expected, const Compared& actual);

// A episode as text, a line each.
std::string TextOf(const std::vector<ViewLine>& lines);
// The memory as text, a checksum a page.
std::string TextOf(const std::map<uint64_t, PageWords>& memory);

}  // namespace kct
