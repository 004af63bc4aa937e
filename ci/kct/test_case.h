// SPDX-License-Identifier: GPL-2.0-only
// TestCase: one test as its binary describes it with --list-json (docs/design/protocol.md, part 1).
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace kct {

// Which stage-2 page tables the KVM under test uses.
enum class Mode {
  kNpt,     // two-dimensional paging: kvm-amd's npt=1
  kShadow,  // shadow page tables: npt=0
  kHost,    // whatever this machine's own KVM does
};
inline constexpr std::array<std::string_view, 3> kModeNames{"npt", "shadow", "host"};
constexpr std::string_view Name(Mode mode) { return kModeNames[static_cast<std::size_t>(mode)]; }
std::optional<Mode> ModeByName(std::string_view name);

struct TestCase {
  std::string name;   // "PrefaultArguments.RejectsEveryFlag"
  std::string suite;  // "prefault"
  std::string kind;   // "abi", "race", "long"
  std::string file;
  int line = 0;
  std::vector<std::string> clauses;
  std::string paging;  // "tdp", "shadow", "any", "both"
  std::filesystem::path program;
};

// Whether the test is about what is the same with NPT and with shadow paging: it runs in both.
bool ComparesModes(const TestCase& test);

// Whether the test says something about KVM in this mode alone.
bool BelongsTo(const TestCase& test, Mode mode);

// The tests of what a binary printed. `program` is its path, and its name in errors.
Result<std::vector<TestCase>> ParseTestList(const std::filesystem::path& program,
                                            const std::string& json);

// Asks each of the test binaries.
Result<std::vector<TestCase>> ListTests(const std::vector<std::filesystem::path>& programs);

// The test binaries in a folder: the executable files whose name ends in "_test".
Result<std::vector<std::filesystem::path>> FindTestPrograms(const std::filesystem::path& folder);

}  // namespace kct
