// SPDX-License-Identifier: GPL-2.0-only
// Crew: several runners, each with machines of its own, that share the work. While they run, the
// calling thread deals with the results of what is done.
//
//   Crew crew(boot, options, watcher, 2);
//   std::optional<Stop> stop = crew.Run(assignments, [&](TestResult result) { … });
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "ci/kct/runner.h"

namespace kct {

class Crew {
 public:
  // Gets each result, in the order in which they come; says whether the run has to stop.
  using Take = std::function<std::optional<Stop>(TestResult)>;

  // `boot` and `watcher` are called by all runners, at the same time. REQUIRES: runners > 0.
  Crew(Boot boot, RunnerOptions options, Watcher& watcher, unsigned runners)
      : boot_(std::move(boot)), options_(std::move(options)), watcher_(watcher), size_(runners) {}

  // Hands out the assignments in their order. A runner that has to stop, or `take`, stops them all,
  // each after the test it is at; nothing: all is done.
  std::optional<Stop> Run(std::span<const Assignment> assignments, const Take& take);

  // What `uname -r` says on their machines; empty if none came up.
  const std::string& release() const { return release_; }

 private:
  void Work(std::span<const Assignment> assignments);
  const Assignment* Next(std::span<const Assignment> assignments);
  std::optional<TestResult> AwaitResult();
  void StopAll(Stop stop);

  const Boot boot_;
  const RunnerOptions options_;
  Watcher& watcher_;
  const unsigned size_;

  std::mutex mutex_;  // of all that follows
  std::condition_variable changed_;
  std::size_t next_ = 0;
  unsigned working_ = 0;
  std::deque<TestResult> results_;
  std::optional<Stop> stop_;
  std::string release_;
};

}  // namespace kct
