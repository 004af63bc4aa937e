// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/page.h"

#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <sstream>

#include "ci/spec/answer_field.h"
#include "ci/spec/doc_field.h"

namespace kct {
namespace {

constexpr std::array<std::string_view, 9> kFields{
    "Claim", "Standing", "Source", "Doc", "Answer", "Kernels", "Needs", "Untested", "Unmodelled"};
constexpr std::array<std::string_view, 4> kMayBeLeftOut{"Doc", "Answer", "Untested", "Unmodelled"};

// What a machine, kernel or VM must offer before a clause says anything about it.
constexpr std::array<std::string_view, 26> kNeeds{
    "any",  "tdp",        "shadow", "nested", "smm",    "root", "gmem",     "attributes", "swp",
    "sev",  "sev-es",     "snp",    "tdx",    "vfio",   "thp",  "ksm",      "hugetlb",    "swap",
    "disk", "soft-dirty", "uffd",   "apf",    "poison", "numa", "in-place", "fault-exits"};

bool IsOneOf(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string Join(std::span<const std::string_view> words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string_view> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find_first_of(separators);
    parts.push_back(Trim(text.substr(0, end)));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

struct Field {
  std::string where;  // "docs/spec/prefault.md:14"
  std::string value;
};

// A clause while its lines come in.
struct Draft {
  std::string where;
  std::string id;
  std::string title;
  std::map<std::string, Field, std::less<>> fields;
  std::string current;  // the field that an indented line goes on with; empty after a blank line
};

Result<Draft> StartClause(std::string where, std::string_view line) {
  static const std::regex heading("### ([A-Z]+-[0-9]{2,}) · (.*[^ .])");
  std::cmatch match;
  if (!std::regex_match(line.data(), line.data() + line.size(), match, heading)) {
    return MakeError(
        "{}: heading '{}' is not of the form '### AREA-NN · Title without a full stop'", where,
        line);
  }
  return Draft{std::move(where), match[1], match[2], {}, {}};
}

// Adds a line of the body of a clause.
Status AddLine(Draft& draft, const std::string& where, std::string_view line) {
  const std::string_view text = Trim(line);
  if (text.empty()) {
    draft.current.clear();
    return {};
  }
  if (line.front() == ' ') {
    if (draft.current.empty()) return MakeError("{}: this line belongs to no field", where);
    draft.fields[draft.current].value += fmt::format(" {}", text);
    return {};
  }
  const std::string name(text.substr(0, text.find(' ')));
  if (!IsOneOf(kFields, name)) {
    return MakeError("{}: '{}' is no field of a clause; expected one of {}", where, name,
                     Join(kFields));
  }
  if (draft.fields.contains(name))
    return MakeError("{}: {} has two fields {}", where, draft.id, name);
  const std::string_view value = Trim(text.substr(name.size()));
  if (value.empty()) return MakeError("{}: field {} of {} is empty", where, name, draft.id);
  draft.fields[name] = {where, std::string(value)};
  draft.current = name;
  return {};
}

// "prefault.md" of "docs/spec/prefault.md:12".
std::string PageOf(std::string_view where) {
  const std::string_view path = where.substr(0, where.rfind(':'));
  return std::string(path.substr(path.rfind('/') + 1));
}

Result<Standing> ParseStanding(const Draft& draft, const Field& field) {
  const std::optional<Standing> known = StandingByName(field.value);
  if (known) return *known;
  return MakeError("{}: {} has unknown standing '{}'; expected one of {}", field.where, draft.id,
                   field.value, fmt::join(kStandingNames, " | "));
}

Status CheckNeeds(const Field& needs) {
  for (std::string_view need : Split(needs.value, "|,")) {
    if (!IsOneOf(kNeeds, need)) {
      return MakeError("{}: unknown need '{}'; expected some of {}", needs.where, need,
                       Join(kNeeds));
    }
  }
  return {};
}

// "6.11..6.17: hangs; 6.18..: EAGAIN"
Status CheckKernels(const Field& kernels) {
  static const std::regex entry(
      "(all|[0-9]+\\.[0-9]+(\\.[0-9]+)?(\\.\\.([0-9]+\\.[0-9]+(\\.[0-9]+)?)?)?): .+");
  for (std::string_view part : Split(kernels.value, ";")) {
    if (!std::regex_match(part.begin(), part.end(), entry)) {
      return MakeError(
          "{}: '{}' is not of the form 'RANGE: what', with a range like 6.11..6.17, "
          "6.18.., 7.3 or all",
          kernels.where, part);
    }
  }
  return {};
}

Status CheckDoc(const Draft& draft, const Field& doc, Standing standing) {
  Result<std::vector<DocEntry>> entries = ParseDocField(doc.value);
  if (!entries) return MakeError("{}: {}: Doc: {}", doc.where, draft.id, entries.error().message);
  if (standing == Standing::kDocumented && std::ranges::all_of(*entries, &DocEntry::IsSilent)) {
    return MakeError("{}: {} is documented, but its Doc names no sentence", doc.where, draft.id);
  }
  return {};
}

// The claim is what tests assert: an answer that it does not name is a slip in one of the two.
Status CheckAnswer(const Draft& draft, const Field& answer, std::string_view claim) {
  Result<std::vector<Answer>> answers = ParseAnswerField(answer.value);
  if (!answers) {
    return MakeError("{}: {}: Answer: {}", answer.where, draft.id, answers.error().message);
  }
  for (const std::string& name : NamesIn(*answers)) {
    const std::regex word("\\b" + name + "\\b");
    if (std::regex_search(claim.begin(), claim.end(), word)) continue;
    return MakeError("{}: {}: Answer: {} does not stand in the claim", answer.where, draft.id,
                     name);
  }
  return {};
}

Result<PageClause> FinishClause(Draft draft) {
  for (std::string_view name : kFields) {
    if (!IsOneOf(kMayBeLeftOut, name) && !draft.fields.contains(name)) {
      return MakeError("{}: {} has no field {}", draft.where, draft.id, name);
    }
  }
  const auto& fields = draft.fields;
  const auto value = [&](std::string_view name) {
    const auto field = fields.find(name);
    return field == fields.end() ? "" : field->second.value;
  };
  KCT_TRY(const Standing standing, ParseStanding(draft, fields.find("Standing")->second));
  if (const auto doc = fields.find("Doc"); doc != fields.end()) {
    KCT_TRY_STATUS(CheckDoc(draft, doc->second, standing));
  }
  if (const auto answer = fields.find("Answer"); answer != fields.end()) {
    KCT_TRY_STATUS(CheckAnswer(draft, answer->second, value("Claim")));
  }
  KCT_TRY_STATUS(CheckNeeds(fields.find("Needs")->second));
  KCT_TRY_STATUS(CheckKernels(fields.find("Kernels")->second));
  return PageClause{.where = draft.where,
                    .page = PageOf(draft.where),
                    .id = draft.id,
                    .title = draft.title,
                    .claim = value("Claim"),
                    .standing = standing,
                    .source = value("Source"),
                    .kernels = value("Kernels"),
                    .needs = value("Needs"),
                    .untested = value("Untested"),
                    .doc = value("Doc"),
                    .answer = value("Answer"),
                    .unmodelled = value("Unmodelled")};
}

}  // namespace

Result<std::vector<PageClause>> ParsePage(std::string_view name, std::string_view text) {
  std::vector<PageClause> clauses;
  std::optional<Draft> draft;
  const auto finish = [&]() -> Status {
    if (!draft) return {};
    KCT_TRY(PageClause clause, FinishClause(*std::exchange(draft, std::nullopt)));
    clauses.push_back(std::move(clause));
    return {};
  };
  int number = 0;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) {
    std::string where = fmt::format("{}:{}", name, ++number);
    if (line.starts_with('#')) KCT_TRY_STATUS(finish());
    if (line.starts_with("###")) {
      KCT_TRY(draft, StartClause(std::move(where), line));
    } else if (draft) {
      KCT_TRY_STATUS(AddLine(*draft, where, line));
    }
  }
  KCT_TRY_STATUS(finish());
  if (clauses.empty()) return MakeError("{}: this page holds no clause", name);
  return clauses;
}

Status CheckIdsAreUnique(std::span<const PageClause> clauses) {
  std::map<std::string_view, std::string_view> first;
  for (const PageClause& clause : clauses) {
    const auto [entry, is_new] = first.emplace(clause.id, clause.where);
    if (!is_new) {
      return MakeError("{}: {} is already the id of the clause at {}", clause.where, clause.id,
                       entry->second);
    }
  }
  return {};
}

}  // namespace kct
