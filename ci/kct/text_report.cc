// SPDX-License-Identifier: GPL-2.0-only
// The report that a person reads.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "ci/kct/run_report.h"
#include "harness/spec/clauses.h"

namespace kct {
namespace {

constexpr std::size_t kLinesOfText = 24;  // of a finding; the rest is in the run folder

class Page {
 public:
  explicit Page(Colors colors) : colors_(colors) {}

  template <typename... Args>
  void Line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  void Gap() { text_ += '\n'; }
  void Heading(std::string_view words) {
    Gap();
    if (colors_ == Colors::kOn) {
      Line("\x1b[1m{}\x1b[0m", words);
    } else {
      Line("{}", words);
    }
  }
  // Padded to the width that the word has without its color.
  std::string Padded(Verdict verdict) const {
    const std::string word = Shown(verdict, Colors::kOff);
    return Shown(verdict, colors_) + std::string(13 - std::min<std::size_t>(13, word.size()), ' ');
  }
  void Indented(std::string_view text, std::string_view indent) {
    std::istringstream lines{std::string(text)};
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      if (count < kLinesOfText) Line("{}{}", indent, line);
    }
    if (count > kLinesOfText) Line("{}… {} lines more", indent, count - kLinesOfText);
  }
  void Wrapped(const std::vector<std::string_view>& words, std::string_view indent) {
    constexpr std::size_t kWidth = 90;
    std::string line;
    for (const std::string_view word : words) {
      if (line.size() + word.size() > kWidth) Line("{}{}", indent, std::exchange(line, ""));
      line += fmt::format("{}{}", line.empty() ? "" : " ", word);
    }
    Line("{}{}", indent, line);
  }
  std::string Take() { return std::move(text_); }

 private:
  const Colors colors_;
  std::string text_;
};

std::string Times(const std::vector<const TestResult*>& runs) {
  double sum = 0;
  for (const TestResult* run : runs) sum += run->seconds;
  if (runs.size() == 1) return fmt::format("{:.2f} s", sum);
  return fmt::format("{:.2f} s each", sum / static_cast<double>(runs.size()));
}

void AddHeader(Page& page, const RunReport& report) {
  const RunFacts& facts = report.facts;
  page.Line("kct {}", facts.kct_version);
  page.Line("kernel   {} ({})", facts.kernel_spec,
            facts.kernel_release.empty() ? "did not come up" : facts.kernel_release);
  if (facts.target == "vm") {
    page.Line("machine  QEMU {}, software emulation ({}-threaded), {} CPUs, {}", facts.qemu_version,
              facts.emulation, facts.cpus, facts.memory);
    if (facts.slowness != 1) {
      page.Line("limits   {} times longer: the kernel has checkers built in", facts.slowness);
    }
  } else {
    page.Line("machine  this host's own KVM");
  }
  page.Line("paging   {}", fmt::join(facts.modes, ", "));
  page.Line("seed     {}{}", ShownSeed(facts.seed),
            facts.repeat > 1 ? fmt::format(", {} repeats", facts.repeat) : "");
  page.Line("folder   {}", facts.folder);
  page.Line("time     {:.1f} s", report.seconds);
}

void AddRaces(Page& page, const TestResult& result) {
  for (const RaceCount& race : result.races) {
    if (race.anchored) {
      page.Line("                   anchored: {}", race.name);
      continue;
    }
    page.Line("                   race {}: {} rounds, {} meetings{}", race.name, race.rounds,
              race.meetings,
              race.target > 0 ? fmt::format(" ({} wanted)", race.target) : std::string());
    std::string answers;
    for (const auto& [answer, count] : race.answers) {
      answers += fmt::format("{}{} ×{}", answers.empty() ? "" : ", ", answer, count);
    }
    if (!answers.empty()) page.Line("                   {}", answers);
  }
}

// One line a test and mode; the verdict is the worst of its repeats.
void AddTest(Page& page, const std::vector<const TestResult*>& runs) {
  const TestResult& worst = **std::max_element(
      runs.begin(), runs.end(),
      [](const TestResult* a, const TestResult* b) { return a->verdict < b->verdict; });
  const Assignment& assignment = worst.assignment;
  std::string remark;
  if (assignment.mode != Mode::kNpt) remark += fmt::format("  {}", Name(assignment.mode));
  if (runs.size() > 1) remark += fmt::format("  {}", CountVerdicts(runs));
  if (worst.verdict == Verdict::kSkip) remark += fmt::format("  {}", worst.skip_reason);
  if (worst.news == News::kKnown) remark += "  known";
  if (worst.news == News::kUnexpectedPass) remark += "  unexpected";
  page.Line("  {} {:<60} {:>9}{}", page.Padded(worst.verdict), assignment.test.name, Times(runs),
            remark);
  AddRaces(page, worst);
}

void AddSuites(Page& page, const RunReport& report) {
  std::vector<std::string> suites;
  for (const TestResult& result : report.results) {
    const std::string& suite = result.assignment.test.suite;
    if (std::find(suites.begin(), suites.end(), suite) == suites.end()) suites.push_back(suite);
  }
  for (const std::string& suite : suites) {
    std::vector<const TestResult*> all;
    std::vector<std::pair<std::string, std::vector<const TestResult*>>> groups;
    for (const TestResult& result : report.results) {
      if (result.assignment.test.suite != suite) continue;
      all.push_back(&result);
      const std::string key =
          fmt::format("{} {}", result.assignment.test.name, Name(result.assignment.mode));
      auto group = std::find_if(groups.begin(), groups.end(),
                                [&](const auto& entry) { return entry.first == key; });
      if (group == groups.end()) group = groups.insert(groups.end(), {key, {}});
      group->second.push_back(&result);
    }
    page.Heading(fmt::format("{}: {}", suite, CountVerdicts(all)));
    for (const auto& [key, runs] : groups) AddTest(page, runs);
  }
}

void AddBlame(Page& page, const TestResult& result) {
  for (const std::string& id : Blamed(result)) {
    const Clause* clause = FindClause(id);
    page.Line("     clause  {}{}", id,
              clause == nullptr ? std::string() : fmt::format(" · {}", clause->title));
  }
}

// What there is to know of a result that is not good.
void AddEvidence(Page& page, const RunFacts& facts, const TestResult& result) {
  const TestCase& test = result.assignment.test;
  AddBlame(page, result);
  if (!result.failures.empty()) {
    const Failure& first = result.failures.front();
    page.Line("     at      {}:{}", first.file, first.line);
    page.Indented(first.text, "       ");
    if (result.failures.size() > 1) page.Line("       … and {} more", result.failures.size() - 1);
  } else {
    page.Line("     at      {}:{}", test.file, test.line);
  }
  for (const Hang& hang : result.hangs) page.Indented(hang.text, "       ");
  const HistoryCount& histories = result.histories;
  // Where the judge alone failed the test its explanation is above.
  if (histories.contradicted > 0 && result.failures.size() != histories.contradictions.size()) {
    page.Line("     history contradicted, by {}", fmt::join(histories.clauses, ", "));
    for (const std::string& text : histories.contradictions) page.Indented(text, "       ");
  }
  if (!result.account.empty()) page.Line("     runner  {}", result.account);
  for (const std::string& complaint : result.complaints) page.Line("     kernel  {}", complaint);
  for (const std::string& note : result.notes) page.Line("     note    {}", note);
  page.Line("     logs    {}", result.machine_folder.string());
  page.Line("     rerun   {}", RerunLine(facts, result.assignment));
}

void AddFindings(Page& page, const RunReport& report) {
  int number = 0;
  for (const TestResult& result : report.results) {
    if (result.news != News::kNew) continue;
    if (number == 0) page.Heading("Findings");
    page.Gap();
    page.Line("{:3}. {} {} ({})", ++number, page.Padded(result.verdict),
              result.assignment.test.name, Name(result.assignment.mode));
    AddEvidence(page, report.facts, result);
  }
}

// The line of a stall's text that names the cycle of waiting; empty if there is none.
std::string CycleOf(const TestResult& result) {
  constexpr std::string_view kMark = "Cycle: ";
  for (const Hang& hang : result.hangs) {
    const std::size_t start = hang.text.find(kMark);
    if (start != std::string::npos) {
      return hang.text.substr(start, hang.text.find('\n', start) - start);
    }
  }
  return "";
}

void AddKnown(Page& page, const RunReport& report, News news, std::string_view heading) {
  std::set<std::string> lines;  // repeats say the same again
  for (const TestResult& result : report.results) {
    if (result.news != news) continue;
    const std::string cycle = CycleOf(result);
    lines.insert(fmt::format("  {} {} ({})\n                  {}{}{}", page.Padded(result.verdict),
                             result.assignment.test.name, Name(result.assignment.mode),
                             result.known_reason, cycle.empty() ? "" : "\n                  ",
                             cycle));
  }
  if (lines.empty()) return;
  page.Heading(heading);
  for (const std::string& line : lines) page.Line("{}", line);
}

void AddArtefacts(Page& page, const RunReport& report) {
  bool first = true;
  for (const TestResult& result : report.results) {
    if (result.emulator_artefact.empty()) continue;
    if (std::exchange(first, false)) {
      page.Heading("Disturbed by the emulator: a single-threaded repetition counts");
    }
    page.Line("  {} {} ({})", page.Padded(result.verdict), result.assignment.test.name,
              Name(result.assignment.mode));
    page.Indented("at first " + result.emulator_artefact, "                  ");
  }
}

void AddInconclusive(Page& page, const RunReport& report) {
  bool first = true;
  for (const TestResult& result : report.results) {
    if (result.verdict != Verdict::kInconclusive) continue;
    if (std::exchange(first, false)) page.Heading("Inconclusive: nothing was shown");
    page.Line("  {} ({})", result.assignment.test.name, Name(result.assignment.mode));
    for (const std::string& text : result.inconclusive) page.Indented(text, "    ");
    for (const std::string& note : result.notes) page.Indented(note, "    ");
    page.Line("    rerun   {}", RerunLine(report.facts, result.assignment));
  }
}

void AddHistories(Page& page, const RunReport& report) {
  HistoryCount all;
  for (const TestResult& result : report.results) {
    all.explained += result.histories.explained;
    all.contradicted += result.histories.contradicted;
    all.gave_up += result.histories.gave_up;
    all.seconds += result.histories.seconds;
  }
  if (all.explained + all.contradicted + all.gave_up == 0) return;
  page.Heading(fmt::format("Histories: {} explained, {} contradicted, {} gave up", all.explained,
                           all.contradicted, all.gave_up));
  page.Line("  judged in {:.1f} s", all.seconds);
  for (const TestResult& result : report.results) {
    const HistoryCount& histories = result.histories;
    const std::string name =
        fmt::format("{} ({})", result.assignment.test.name, Name(result.assignment.mode));
    if (histories.contradicted > 0) {
      page.Line("  {}: contradicted, by {}", name, fmt::join(histories.clauses, ", "));
    }
    for (const std::string& why : histories.doubts) page.Line("  {}: gave up: {}", name, why);
  }
}

void AddClauses(Page& page, const RunReport& report) {
  using State = ClauseNews::State;
  std::map<State, std::vector<const ClauseNews*>> by_state;
  const std::vector<ClauseNews> news = NewsOfClauses(report);
  for (const ClauseNews& clause : news) by_state[clause.state].push_back(&clause);
  page.Heading(
      fmt::format("Clauses: {} of {} checked", by_state[State::kChecked].size(), news.size()));
  constexpr std::pair<State, std::string_view> kRest[] = {
      {State::kInconclusive, "tried, but nothing shown"},
      {State::kSkipped, "skipped"},
      {State::kLeftOut, "left out by the choice of tests, or not reached"},
      {State::kUntested, "never tested"}};
  for (const auto& [state, words] : kRest) {
    std::map<std::string, std::vector<std::string_view>> by_reason;
    for (const ClauseNews* clause : by_state[state]) by_reason[clause->why].push_back(clause->id);
    if (by_reason.empty()) continue;
    page.Line("  {} {}", by_state[state].size(), words);
    for (const auto& [why, ids] : by_reason) {
      if (!why.empty()) page.Line("    {}:", why);
      page.Wrapped(ids, "      ");
    }
  }
}

void AddSkips(Page& page, const RunReport& report) {
  std::map<std::string, std::set<std::string>> by_reason;
  std::map<std::string, int> counts;
  for (const TestResult& result : report.results) {
    if (result.verdict != Verdict::kSkip) continue;
    by_reason[result.skip_reason].insert(result.skip_text);
    ++counts[result.skip_reason];
  }
  if (by_reason.empty() && report.not_reached == 0 && !report.stopped) return;
  page.Heading("Not run");
  for (const auto& [reason, texts] : by_reason) {
    page.Line("  {} × {}: {}", counts[reason], reason, fmt::join(texts, "; "));
  }
  if (report.stopped) page.Line("  stopped early: {}", report.stopped->message);
  if (report.not_reached > 0) page.Line("  {} runs of tests were not reached", report.not_reached);
}

std::string_view Meaning(Exit exit) {
  switch (exit) {
    case Exit::kNothingNew:
      return "nothing new";
    case Exit::kFindings:
      return "findings";
    case Exit::kNothingShown:
      return "nothing was checked";
    case Exit::kHang:
      return "findings, a hang among them";
    case Exit::kKernelDied:
      return "the kernel under test died";
    case Exit::kInconclusive:
      return "nothing new, but some tests showed nothing";
    case Exit::kBug:
      return "a bug of kct";
    default:
      return "stopped early";
  }
}

}  // namespace

std::string TextOfResult(const RunFacts& facts, const TestResult& result) {
  Page page(Colors::kOff);
  page.Line("{} {} ({}) {:.2f} s", Shown(result.verdict, Colors::kOff), result.assignment.test.name,
            Name(result.assignment.mode), result.seconds);
  AddRaces(page, result);
  if (result.verdict == Verdict::kSkip) {
    page.Line("     {}: {}", result.skip_reason, result.skip_text);
  }
  for (const std::string& text : result.inconclusive) page.Indented(text, "     ");
  if (IsBad(result.verdict)) AddEvidence(page, facts, result);
  if (result.news == News::kKnown) page.Line("KNOWN {}", result.known_reason);
  if (result.news == News::kUnexpectedPass) page.Line("UNEXPECTED PASS {}", result.known_reason);
  return page.Take();
}

std::string TextReport(const RunReport& report, Colors colors) {
  Page page(colors);
  AddHeader(page, report);
  AddSuites(page, report);
  AddFindings(page, report);
  AddKnown(page, report, News::kKnown, "Known failures");
  AddKnown(page, report, News::kUnexpectedPass, "Unexpected passes: known to fail, and did not");
  AddInconclusive(page, report);
  AddArtefacts(page, report);
  AddSkips(page, report);
  AddHistories(page, report);
  AddClauses(page, report);
  std::vector<const TestResult*> all;
  for (const TestResult& result : report.results) all.push_back(&result);
  const Exit exit =
      report.stopped ? report.stopped->exit : ExitFor(report.results, report.strictness);
  page.Gap();
  page.Line("{} ({}): {}", all.empty() ? "no tests" : CountVerdicts(all), static_cast<int>(exit),
            Meaning(exit));
  return page.Take();
}

}  // namespace kct
