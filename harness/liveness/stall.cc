// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/stall.h"

#include <algorithm>

namespace kct {
namespace {

// Where a memslot update waits for everybody who still uses the old slots.
constexpr std::string_view kSrcuWait = "synchronize_srcu";
constexpr std::string_view kUserfaultWait = "handle_userfault";
// Where a vCPU executes guest code: svm_vcpu_run, vmx_vcpu_run.
constexpr std::string_view kInGuest[] = {"svm_vcpu_run", "vmx_vcpu_run"};

std::string StateText(const StalledThread& thread) {
  switch (thread.state) {
    case 'R':
      return fmt::format("running, {:.1f} s of CPU since", thread.cpu_seconds);
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

bool StalledThread::IsIn(std::string_view function) const {
  return std::any_of(kernel_stack.begin(), kernel_stack.end(), [&](const std::string& frame) {
    return frame.find(function) != std::string::npos;
  });
}

bool Stall::AllReleased() const {
  return std::all_of(threads.begin(), threads.end(),
                     [](const StalledThread& thread) { return thread.released; });
}

std::string Stall::Cycle() const {
  const auto* waiter = Find(threads, [](auto& t) { return !t.Spins() && t.IsIn(kSrcuWait); });
  const auto* parked = Find(threads, [](auto& t) { return t.IsIn(kUserfaultWait); });
  const auto* guest = Find(
      threads, [](auto& t) { return t.Spins() && (t.IsIn(kInGuest[0]) || t.IsIn(kInGuest[1])); });
  const auto* spinner = Find(threads, [&](auto& t) { return t.Spins() && &t != guest; });
  const auto* asleep = Find(threads, [](auto& t) { return !t.Spins() && !t.kernel_stack.empty(); });
  if (waiter && (spinner || parked)) {
    return fmt::format(
        "\"{}\" waits (synchronize_srcu) until every reader of the memslots has left; \"{}\" is "
        "such a reader, {}.",
        waiter->name, (spinner ? spinner : parked)->name,
        spinner ? "retries inside the kernel and never leaves"
                : "and waits for a userfaultfd page that nobody supplies");
  }
  if (spinner && spinner->kernel_stack.empty()) {
    return fmt::format("\"{}\" runs, in the kernel or in its guest, and does not come back.",
                       spinner->name);
  }
  if (spinner) {
    return fmt::format(
        "\"{}\" runs inside the kernel without end: a retry loop whose condition nobody changes.",
        spinner->name);
  }
  if (guest) {
    return fmt::format(
        "\"{}\" executes guest code and never exits{}.", guest->name,
        asleep ? fmt::format("; \"{}\" waits in {}", asleep->name, asleep->kernel_stack.front())
               : "");
  }
  if (asleep) {
    return fmt::format("Nobody runs; \"{}\" waits in {} for something that does not come.",
                       asleep->name, asleep->kernel_stack.front());
  }
  return "Nobody runs: each waits for something that does not come.";
}

bool Stall::IsOfADerailedGuest() const {
  return std::any_of(threads.begin(), threads.end(),
                     [](const StalledThread& thread) { return thread.guest_derailed; });
}

std::string Stall::ToString() const {
  std::string text = "No progress:\n";
  for (const StalledThread& thread : threads) {
    text += fmt::format("  {} (thread {}): {} for {:.1f} s, {}\n", thread.name, thread.tid,
                        thread.call, thread.waiting_seconds, StateText(thread));
  }
  text += fmt::format("Cycle: {}\n", Cycle());
  for (const StalledThread& thread : threads) {
    text += fmt::format(
        "  {}: kernel stack\n{}", thread.name,
        Frames(thread.kernel_stack, thread.Spins() ? "not caught while it ran, or not root"
                                                   : "not to be had (needs root)"));
    text += fmt::format("  {}: user stack\n{}", thread.name,
                        Frames(thread.user_stack, "not to be had: no signal reached the thread"));
    if (!thread.registers.empty()) {
      text += fmt::format("  {}: its guest, when KVM_RUN came back\n{}", thread.name,
                          Frames(thread.registers, ""));
    }
    if (thread.guest_derailed) {
      text += fmt::format(
          "  {}: that is where the host's kernel is, not the guest's program: a mix-up of "
          "registers on the way into the guest or out of it\n",
          thread.name);
    }
  }
  for (const StalledThread& thread : threads) {
    text += thread.released
                ? fmt::format("After a signal {} came back: {}\n", thread.name, thread.answer)
                : fmt::format("A signal did not bring {} back.\n", thread.name);
  }
  return text;
}

}  // namespace kct
