// SPDX-License-Identifier: GPL-2.0-only
// The report as JUnit XML, for the tools that read nothing else.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ci/kct/run_report.h"

namespace kct {
namespace {

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        // XML 1.0 has no way to write the other control characters.
        escaped += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return escaped;
}

std::string Details(const RunReport& report, const TestResult& result) {
  std::string text;
  for (const Failure& failure : result.failures) {
    text += fmt::format("{}:{}\n{}\n", failure.file, failure.line, failure.text);
  }
  for (const Hang& hang : result.hangs) text += hang.text + "\n";
  for (const std::string& complaint : result.complaints) text += "kernel: " + complaint + "\n";
  if (!result.account.empty()) text += result.account + "\n";
  return text + "rerun: " + RerunLine(report.facts, result.assignment) + "\n";
}

std::string Case(const RunReport& report, const TestResult& result) {
  const Assignment& assignment = result.assignment;
  std::string name = fmt::format("{} ({})", assignment.test.name, Name(assignment.mode));
  if (assignment.repeat > 0) name += fmt::format(" #{}", assignment.repeat + 1);
  std::string xml = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"",
                                Escape(assignment.test.suite), Escape(name), result.seconds);
  const bool counts = result.news == News::kNew || report.strictness == Strictness::kStrict;
  if (IsBad(result.verdict) && counts) {
    return xml + fmt::format(
                     ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    "
                     "</testcase>\n",
                     Name(result.verdict),
                     Escape(fmt::format("{}", fmt::join(Blamed(result), " "))),
                     Escape(Details(report, result)));
  }
  if (result.verdict != Verdict::kPass) {
    const std::string why = result.verdict == Verdict::kSkip ? result.skip_reason
                            : result.news == News::kKnown    ? "known: " + result.known_reason
                                                             : "inconclusive";
    return xml + fmt::format(">\n      <skipped message=\"{}\"/>\n    </testcase>\n", Escape(why));
  }
  return xml + "/>\n";
}

}  // namespace

std::string JunitReport(const RunReport& report) {
  std::map<std::string, std::string> suites;
  for (const TestResult& result : report.results) {
    suites[result.assignment.test.suite] += Case(report, result);
  }
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const auto& [suite, cases] : suites) {
    const auto count = std::count_if(
        report.results.begin(), report.results.end(),
        [&](const TestResult& result) { return result.assignment.test.suite == suite; });
    xml += fmt::format("  <testsuite name=\"{}\" tests=\"{}\">\n{}  </testsuite>\n", Escape(suite),
                       count, cases);
  }
  return xml + "</testsuites>\n";
}

}  // namespace kct
