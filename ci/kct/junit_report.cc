// SPDX-License-Identifier: GPL-2.0-only
// The report as JUnit XML, for the tools that read nothing else.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ci/kct/run_report.h"
#include "harness/base/xml.h"

namespace kct {
namespace {

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
                                EscapeXml(assignment.test.suite), EscapeXml(name), result.seconds);
  const bool counts = result.news == News::kNew || report.strictness == Strictness::kStrict;
  if (IsBad(result.verdict) && counts) {
    return xml + fmt::format(
                     ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    "
                     "</testcase>\n",
                     Name(result.verdict),
                     EscapeXml(fmt::format("{}", fmt::join(Blamed(result), " "))),
                     EscapeXml(Details(report, result)));
  }
  if (result.verdict != Verdict::kPass) {
    const std::string why = result.verdict == Verdict::kSkip ? result.skip_reason
                            : result.news == News::kKnown    ? "known: " + result.known_reason
                                                             : "inconclusive";
    return xml +
           fmt::format(">\n      <skipped message=\"{}\"/>\n    </testcase>\n", EscapeXml(why));
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
    xml += fmt::format("  <testsuite name=\"{}\" tests=\"{}\">\n{}  </testsuite>\n",
                       EscapeXml(suite), count, cases);
  }
  return xml + "</testsuites>\n";
}

}  // namespace kct
