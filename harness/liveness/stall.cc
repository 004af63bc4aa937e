// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/stall.h"

#include <algorithm>

namespace kct {
namespace {

// Where a memslot update waits for everybody who still uses the old slots.
constexpr std::string_view kSrcuWait = "synchronize_srcu";
// Where a second update waits for the first (kvm->slots_lock) and others for the mmap lock.
constexpr std::string_view kMutexWait = "mutex_lock";
constexpr std::string_view kUserfaultWait = "handle_userfault";

std::string StateText(const StalledThread& thread) {
  switch (thread.state) {
    case 'R':
      return fmt::format("running in the kernel, {:.1f} s of CPU since", thread.cpu_seconds);
    case 'D':
      return "asleep, not interruptible";
    case 'S':
      return "asleep";
    default:
      return fmt::format("state {}", thread.state);
  }
}

std::string Frames(const std::vector<std::string>& frames, std::string_view if_empty) {
  if (frames.empty()) return fmt::format("      {}\n", if_empty);
  std::string text;
  for (const std::string& frame : frames) text += fmt::format("      {}\n", frame);
  return text;
}

template <typename Condition>
const StalledThread* Find(const std::vector<StalledThread>& threads, Condition condition) {
  const auto found = std::find_if(threads.begin(), threads.end(), condition);
  return found == threads.end() ? nullptr : &*found;
}

}  // namespace

bool StalledThread::BlockedIn(std::string_view function) const {
  return !Spins() && std::any_of(kernel_stack.begin(), kernel_stack.end(),
                                 [&](const std::string& frame) {
                                   return frame.find(function) != std::string::npos;
                                 });
}

bool Stall::AllReleased() const {
  return std::all_of(threads.begin(), threads.end(),
                     [](const StalledThread& thread) { return thread.released; });
}

std::string Stall::Cycle() const {
  const auto* waiter = Find(threads, [](auto& t) { return t.BlockedIn(kSrcuWait); });
  const auto* spinner = Find(threads, [](auto& t) { return t.Spins(); });
  const auto* parked = Find(threads, [](auto& t) { return t.BlockedIn(kUserfaultWait); });
  const auto* locked = Find(threads, [](auto& t) { return t.BlockedIn(kMutexWait); });
  if (waiter && spinner) {
    return fmt::format(
        "\"{}\" waits (synchronize_srcu) until every reader of the memslots has left; \"{}\" is "
        "such a reader, retries inside the kernel and never leaves.",
        waiter->name, spinner->name);
  }
  if (waiter && parked) {
    return fmt::format(
        "\"{}\" waits (synchronize_srcu) until every reader of the memslots has left; \"{}\" is "
        "such a reader and waits for a userfaultfd page that nobody supplies.",
        waiter->name, parked->name);
  }
  if (spinner) {
    return fmt::format(
        "\"{}\" runs inside the kernel without end: a retry loop whose condition nobody changes.",
        spinner->name);
  }
  if (locked) {
    return fmt::format("\"{}\" waits for a lock whose holder does not come back.", locked->name);
  }
  return "No thread runs: each waits for something that does not come.";
}

std::string Stall::ToString() const {
  std::string text = "No progress:\n";
  for (const StalledThread& thread : threads) {
    text += fmt::format("  {} (thread {}): {} for {:.1f} s, {}\n", thread.name, thread.tid,
                        thread.call, thread.waiting_seconds, StateText(thread));
  }
  text += fmt::format("Cycle: {}\n", Cycle());
  for (const StalledThread& thread : threads) {
    text += fmt::format("  {}: kernel stack\n{}", thread.name,
                        Frames(thread.kernel_stack, "not to be had (needs root)"));
    text += fmt::format("  {}: user stack\n{}", thread.name,
                        Frames(thread.user_stack, "not to be had: no signal reached the thread"));
  }
  for (const StalledThread& thread : threads) {
    text += thread.released
                ? fmt::format("After a signal {} came back: {}\n", thread.name, thread.answer)
                : fmt::format("A signal did not bring {} back.\n", thread.name);
  }
  return text;
}

}  // namespace kct
