// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/crew.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace kct {

std::optional<Stop> Crew::Run(std::span<const Assignment> assignments, const Take& take) {
  next_ = 0;
  stop_.reset();
  working_ = static_cast<unsigned>(std::min<std::size_t>(size_, assignments.size()));
  std::vector<std::jthread> runners;
  for (unsigned i = working_; i > 0; --i) {
    runners.emplace_back([this, assignments] { Work(assignments); });
  }
  while (std::optional<TestResult> result = AwaitResult()) {
    if (std::optional<Stop> stop = take(*std::move(result))) StopAll(*std::move(stop));
  }
  return stop_;
}

void Crew::Work(std::span<const Assignment> assignments) {
  Runner runner(boot_, options_, watcher_);
  while (const Assignment* assignment = Next(assignments)) {
    runner.KeepOnly(assignment->mode);
    std::variant<TestResult, Stop> outcome = runner.Run(*assignment);
    if (Stop* stop = std::get_if<Stop>(&outcome)) {
      StopAll(std::move(*stop));
      break;
    }
    const std::lock_guard lock(mutex_);
    release_ = runner.release();
    results_.push_back(std::get<TestResult>(std::move(outcome)));
    changed_.notify_all();
  }
  const std::lock_guard lock(mutex_);
  --working_;
  changed_.notify_all();
}

const Assignment* Crew::Next(std::span<const Assignment> assignments) {
  const std::lock_guard lock(mutex_);
  if (stop_ || next_ == assignments.size()) return nullptr;
  return &assignments[next_++];
}

// What was done before a stop counts, so it is handed out all the same. Nothing: nobody works.
std::optional<TestResult> Crew::AwaitResult() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !results_.empty() || working_ == 0; });
  if (results_.empty()) return std::nullopt;
  TestResult result = std::move(results_.front());
  results_.pop_front();
  return result;
}

// The first reason is the one that is told.
void Crew::StopAll(Stop stop) {
  const std::lock_guard lock(mutex_);
  if (!stop_) stop_ = std::move(stop);
}

}  // namespace kct
