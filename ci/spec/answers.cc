// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/answers.h"

#include <algorithm>
#include <array>
#include <set>

namespace kct {
namespace {

constexpr std::array<std::string_view, 6> kVmTypes{"default", "swp", "sev", "sev-es", "snp", "tdx"};
constexpr std::string_view kAsClaimed = "as claimed";

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(Trim(text.substr(0, end)));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<Answer> AnswersOf(const Clause& clause) {
  return ParseAnswerField(clause.answer).value();
}

// A part of the field Kernels.
struct KernelPart {
  std::string_view range;
  std::string_view what;
};

std::vector<KernelPart> KernelParts(std::string_view kernels) {
  std::vector<KernelPart> parts;
  for (std::string_view part : Split(kernels, ';')) {
    const size_t colon = part.find(':');
    parts.push_back({part.substr(0, colon), Trim(part.substr(colon + 1))});
  }
  return parts;
}

// What the clause says of a kernel; nullopt: nothing.
std::optional<std::string_view> SaidOf(const KernelVersion& kernel, const Clause& clause) {
  for (const KernelPart& part : KernelParts(clause.kernels)) {
    if (part.range == "all") return part.what;
    if (KernelRange::Parse(part.range).value().Contains(kernel)) return part.what;
  }
  return std::nullopt;
}

// Whether a VM of type `vm` is one of type `word`, or one that builds on it.
bool Is(std::string_view vm, std::string_view word) {
  if (vm == word || (word == "sev-es" && vm == "snp")) return true;
  return word == "sev" && (vm == "sev-es" || vm == "snp");
}

// A comma means and, a bar or. Of a word that is no VM type it is not known whether it holds.
bool MayHoldOn(std::string_view vm, const Clause& clause) {
  return std::ranges::all_of(Split(clause.needs, ','), [&](std::string_view part) {
    return std::ranges::any_of(Split(part, '|'), [&](std::string_view word) {
      return Is(vm, word) || std::ranges::find(kVmTypes, word) == kVmTypes.end();
    });
  });
}

bool IsAbout(std::string_view call, const Answer& answer) {
  const std::string_view of = answer.call;
  if (!of.ends_with('*')) return of == call;
  const std::string_view first = of.substr(0, of.size() - 1);
  return call == of || (call.starts_with(first) &&
                        call.substr(first.size()).find_first_not_of("0123456789") == call.npos);
}

std::string EscapeBars(std::string text) {
  for (size_t bar = text.find('|'); bar != text.npos; bar = text.find('|', bar + 2)) {
    text.insert(bar, "\\");
  }
  return text;
}

// "6.11..6.17: hangs; 6.18..": that a kernel does what is claimed goes without saying.
std::string KernelsCell(const Clause& clause) {
  std::string cell;
  for (const KernelPart& part : KernelParts(clause.kernels)) {
    if (!cell.empty()) cell += "; ";
    cell += part.range;
    if (part.what != kAsClaimed) cell += fmt::format(": {}", part.what);
  }
  return EscapeBars(std::move(cell));
}

}  // namespace

std::span<const std::string_view> VmTypes() { return kVmTypes; }

std::vector<FoundAnswer> FindAnswers(std::span<const Clause> clauses, const AnswerQuery& query) {
  std::vector<FoundAnswer> found;
  for (const Clause& clause : clauses) {
    if (!query.vm.empty() && !MayHoldOn(query.vm, clause)) continue;
    std::string kernel;
    if (query.kernel) {
      const std::optional<std::string_view> said = SaidOf(*query.kernel, clause);
      if (!said) continue;
      if (*said != kAsClaimed) kernel = *said;
    }
    for (Answer& answer : AnswersOf(clause)) {
      if (IsAbout(query.call, answer)) found.push_back({std::move(answer), &clause, kernel});
    }
  }
  return found;
}

std::vector<std::string> CallsWithAnswers(std::span<const Clause> clauses) {
  std::set<std::string> calls;
  for (const Clause& clause : clauses) {
    for (const Answer& answer : AnswersOf(clause)) calls.insert(answer.call);
  }
  return {calls.begin(), calls.end()};
}

std::string RenderAnswers(std::span<const Clause> clauses) {
  std::string text =
      "# What a call answers\n\n"
      "For authors of VMMs: call by call, which answers KVM gives, when, and on which kernels. "
      "Generated\n"
      "from the field Answer of the clauses; the clause has the whole claim and its ground. The "
      "same for\n"
      "one kernel and VM type: `./kct clauses --call KVM_PRE_FAULT_MEMORY --kernel 6.12 --vm "
      "default`.\n\n"
      "Kernels: a range alone does as the line says; what a range is said to do instead stands "
      "behind it.\n"
      "Needs: the words of [README.md](README.md). A call with `*` stands for its later versions "
      "too.\n"
      "Clauses are about some of the answers, not all: that a call is listed with EINVAL for one "
      "reason\n"
      "does not mean that there is no other.\n";
  for (const std::string& call : CallsWithAnswers(clauses)) {
    text += fmt::format(
        "\n## {}\n\n"
        "| answer | when | clause | standing | kernels | needs |\n"
        "| --- | --- | --- | --- | --- | --- |\n",
        call);
    for (const Clause& clause : clauses) {
      for (const Answer& answer : AnswersOf(clause)) {
        if (answer.call != call) continue;
        text += fmt::format("| {} | {} | [{}]({}) | {} | {} | {} |\n",
                            fmt::join(answer.outcomes, " or "), EscapeBars(answer.when), clause.id,
                            clause.page, Name(clause.standing), KernelsCell(clause),
                            EscapeBars(std::string(clause.needs)));
      }
    }
  }
  return text;
}

}  // namespace kct
