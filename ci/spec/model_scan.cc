// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/model_scan.h"

#include <algorithm>
#include <optional>
#include <regex>
#include <sstream>

namespace kct {
namespace {

// The name in the first line of a definition: what stands before its parameters or its value.
std::optional<std::string> NameDefinedBy(const std::string& line) {
  static const std::regex type(R"((?:class|struct) (\w+).*\{)");
  static const std::regex other(
      R"((?!namespace\b|using\b|enum\b)[A-Za-z][\w:<>,&* ]*?\b((?:\w+::)*\w+) ?[({=].*)");
  std::smatch match;
  if (!std::regex_match(line, match, type) && !std::regex_match(line, match, other)) {
    return std::nullopt;
  }
  return match[1];
}

// The parts of one file while its lines come in.
class Parts {
 public:
  explicit Parts(std::string_view file) : file_(file) {}

  void Begin(std::string name) { current_ = std::move(name); }
  void Add(const std::string& clause) {
    auto part = std::ranges::find(parts_, current_, &ModelPart::name);
    if (part == parts_.end()) part = parts_.insert(part, {current_, file_, {}});
    part->clauses.insert(clause);
  }
  std::vector<ModelPart> Take() { return std::move(parts_); }

 private:
  std::string file_;
  std::string current_;
  std::vector<ModelPart> parts_;
};

}  // namespace

ClauseOfBug ScanBugs(std::string_view source) {
  static const std::regex row(R"re(Bug::(k\w+),\s*"[^"]*",\s*"([A-Z]+-[0-9]{2,})")re");
  ClauseOfBug bugs;
  for (std::cregex_iterator it(source.data(), source.data() + source.size(), row), end; it != end;
       ++it) {
    bugs[(*it)[1]] = (*it)[2];
  }
  return bugs;
}

std::vector<ModelPart> ScanModel(std::string_view file, std::string_view source,
                                 const ClauseOfBug& bugs) {
  static const std::regex named(R"re("([A-Z]+-[0-9]{2,})"|Bug::(k\w+))re");
  Parts parts(file);
  std::istringstream lines{std::string(source)};
  for (std::string line; std::getline(lines, line);) {
    if (std::optional<std::string> name = NameDefinedBy(line)) parts.Begin(std::move(*name));
    for (std::sregex_iterator it(line.begin(), line.end(), named), end; it != end; ++it) {
      if ((*it)[1].matched) parts.Add((*it)[1]);
      if (const auto bug = bugs.find((*it)[2]); bug != bugs.end()) parts.Add(bug->second);
    }
  }
  return parts.Take();
}

}  // namespace kct
