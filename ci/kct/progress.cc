// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace kct {
namespace {

bool WantsColor() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || *no_color == '\0';
}

std::string NameOf(const Assignment& assignment) {
  return fmt::format("{} ({})", assignment.test.name, Name(assignment.mode));
}

}  // namespace

PrinterOptions PrinterForStderr() {
  if (isatty(STDERR_FILENO) == 0) return {};
  return {Surface::kTerminal, WantsColor() ? Colors::kOn : Colors::kOff};
}

Colors ColorsForStdout() {
  return isatty(STDOUT_FILENO) != 0 && WantsColor() ? Colors::kOn : Colors::kOff;
}

void ProgressPrinter::Print(const std::string& line) {
  const char* clear = options_.surface == Surface::kTerminal ? "\r\x1b[K" : "";
  fmt::print(stderr, "{}{}\n", clear, line);
}

void ProgressPrinter::ShowLive(const std::string& line) {
  if (options_.surface == Surface::kPlain) return;
  // Cut, because a line that wraps could not be rewritten.
  fmt::print(stderr, "\r\x1b[K{}", line.substr(0, 110));
  std::fflush(stderr);
}

std::string ProgressPrinter::Counts() const {
  std::string text;
  for (const auto& [verdict, count] : counts_) text += fmt::format(" {} {},", count, Name(verdict));
  if (!text.empty()) text.pop_back();
  return text;
}

void ProgressPrinter::Booting(Mode mode, Emulation emulation, const std::string& why) {
  const std::lock_guard lock(mutex_);
  std::string what = mode == Mode::kHost ? "starting on this host"
                                         : fmt::format("booting a VM, {} paging", Name(mode));
  if (emulation == Emulation::kSingle) what += ", single-threaded emulation";
  if (why.empty()) {
    ShowLive(what);
  } else {
    Print(fmt::format("{}: {}", why, what));
  }
}

void ProgressPrinter::Starting(const Assignment& assignment) {
  const std::lock_guard lock(mutex_);
  running_.push_back({NameOf(assignment), Clock::now()});
  ShowRunning();
}

void ProgressPrinter::StillRunning(const Assignment&) {
  const std::lock_guard lock(mutex_);
  ShowRunning();
}

void ProgressPrinter::ShowRunning() {
  if (running_.empty()) return;
  const std::string more =
      running_.size() == 1 ? "" : fmt::format(" and {} more", running_.size() - 1);
  ShowLive(fmt::format("[{}/{}]{} · {}{} · {:.0f} s", done_ + 1, total_, Counts(),
                       running_.front().name, more,
                       Seconds(Clock::now() - running_.front().since)));
}

void ProgressPrinter::Done(const TestResult& result) {
  const std::lock_guard lock(mutex_);
  const std::string name = NameOf(result.assignment);
  const auto is_it = [&](const Running& running) { return running.name == name; };
  running_.erase(std::find_if(running_.begin(), running_.end(), is_it));
  ++done_;
  ++counts_[result.verdict];
  if (options_.surface == Surface::kTerminal && result.verdict == Verdict::kPass) return;
  const char* known = result.news == News::kKnown ? " (known)" : "";
  Print(fmt::format("[{}/{}] {} {} {:.2f} s{}", done_, total_,
                    Shown(result.verdict, options_.colors), name, result.seconds, known));
}

void ProgressPrinter::End() {
  const std::lock_guard lock(mutex_);
  ShowLive("");
}

}  // namespace kct
