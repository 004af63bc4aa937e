// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/watchdog.h"

#include <execinfo.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "harness/base/patience.h"
#include "harness/base/tape.h"
#include "harness/liveness/guest_registers.h"
#include "harness/liveness/symbols.h"
#include "harness/liveness/thread_probe.h"

namespace kct {
namespace {

constexpr Duration kTick = 50ms;
constexpr Duration kPatienceForSignal = 1s;
constexpr Duration kPatienceForStack = 1s;

// Takes the user stack of the thread it interrupts. Without SA_RESTART, so that a call that can be
// interrupted is.
void OnSignal(int) {
  const pid_t self = gettid();
  for (int i = 0; i < kMaxThreads; ++i) {
    ThreadEntry& entry = ThreadEntries()[i];
    if (entry.tid == self) {
      entry.frame_count = backtrace(entry.frames, ThreadEntry::kMaxFrames);
    }
  }
}

void InstallSignalHandler() {
  void* frames[1];
  backtrace(frames, 1);  // the first call may allocate, which a handler must not
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  sigaction(SIGUSR1, &action, nullptr);
}

ThreadEntry* EntryOf(pid_t tid) {
  ThreadEntry* const end = ThreadEntries() + kMaxThreads;
  ThreadEntry* const found =
      std::find_if(ThreadEntries(), end, [&](const ThreadEntry& e) { return e.tid == tid; });
  return found == end ? nullptr : found;
}

// Interrupts the stalled threads, running ones first, and notes which came back and how.
void TryToRelease(Stall& stall) {
  for (const StalledThread& thread : stall.threads) InterruptThread(thread.tid);
  WaitUntil(
      [&] {
        return std::all_of(stall.threads.begin(), stall.threads.end(), [](StalledThread& thread) {
          const ThreadEntry* entry = EntryOf(thread.tid);
          return entry == nullptr || entry->returned;
        });
      },
      GiveUpAfter(kPatienceForSignal));
  const Symbols symbols = Symbols::OfThisProgram();
  for (StalledThread& thread : stall.threads) {
    const ThreadEntry* entry = EntryOf(thread.tid);
    thread.released = entry == nullptr || entry->returned;
    if (entry == nullptr) continue;
    if (thread.released) {
      thread.answer = entry->answer.ret >= 0 ? fmt::format("{}", entry->answer.ret)
                                             : "-1 " + entry->answer.error.Name();
    }
    // Innermost frames are the handler's and the C library's own.
    for (int i = 2; i < entry->frame_count; ++i) {
      thread.user_stack.push_back(symbols.NameOf(entry->frames[i]));
    }
  }
}

// Whether a call on this file descriptor is still under way: its registers would not be to be had.
bool IsBusy(int fd) {
  return std::any_of(ThreadEntries(), ThreadEntries() + kMaxThreads, [&](const ThreadEntry& entry) {
    return entry.tid != 0 && entry.inside() && !entry.returned && entry.fd == fd;
  });
}

// Threads that came back are held at the end of their call, so the guest is where it was.
void AddGuestRegisters(Stall& stall) {
  for (StalledThread& thread : stall.threads) {
    const ThreadEntry* entry = EntryOf(thread.tid);
    if (entry == nullptr || thread.request != KVM_RUN || !thread.released) continue;
    if (IsBusy(entry->fd)) continue;
    GuestRegisters registers = RegistersOf(entry->fd);
    thread.registers = std::move(registers.lines);
    thread.guest_derailed = registers.derailed;
  }
}

void AddStacksOfRunningThreads(Stall& stall) {
  for (StalledThread& thread : stall.threads) {
    if (thread.Spins()) {
      thread.kernel_stack = StackOfRunningThread(thread.tid, GiveUpAfter(kPatienceForStack));
    }
  }
}

}  // namespace

bool InterruptThread(pid_t tid) {
  PutOnTape(TapeKind::kSignal, static_cast<uint64_t>(tid));
  return syscall(SYS_tgkill, getpid(), tid, SIGUSR1) == 0;
}

Watchdog::Watchdog(Handler handler) : handler_(std::move(handler)) {
  InstallSignalHandler();
  thread_ = std::thread([this] { Loop(); });
}

Watchdog::~Watchdog() {
  stop_ = true;
  thread_.join();
}

void Watchdog::Loop() {
  std::array<uint64_t, kMaxThreads> seen{};
  std::array<Duration, kMaxThreads> waited{};
  std::array<double, kMaxThreads> cpu_at_entry{};
  Instant last = Clock::now();
  while (!stop_) {
    poll(nullptr, 0, static_cast<int>(kTick / 1ms));
    const Instant now = Clock::now();
    const Duration credit = std::min<Duration>(now - last, 2 * kTick);
    last = now;
    bool stalled = false;
    for (int i = 0; i < kMaxThreads; ++i) {
      const ThreadEntry& entry = ThreadEntries()[i];
      const uint64_t sequence = entry.sequence.load(std::memory_order_acquire);
      if (entry.tid == 0 || sequence % 2 == 0 || sequence != seen[i]) {
        seen[i] = sequence;
        waited[i] = {};
        if (sequence % 2 == 1) cpu_at_entry[i] = ThreadProbe(entry.tid).CpuSeconds();
        continue;
      }
      waited[i] += credit;
      stalled = stalled || waited[i] >= entry.budget;
    }
    if (stalled) {
      FreezeReturningThreads();
      Stall stall = Gather(waited, cpu_at_entry);
      if (stall.threads.empty()) continue;
      AddStacksOfRunningThreads(stall);
      TryToRelease(stall);
      AddGuestRegisters(stall);
      handler_(stall);
      return;
    }
  }
}

Stall Watchdog::Gather(const std::array<Duration, kMaxThreads>& waited,
                       const std::array<double, kMaxThreads>& cpu_at_entry) const {
  Stall stall;
  for (int i = 0; i < kMaxThreads; ++i) {
    const ThreadEntry& entry = ThreadEntries()[i];
    if (entry.tid == 0 || !entry.inside() || waited[i] == Duration{}) continue;
    const ThreadProbe probe(entry.tid);
    stall.threads.push_back({.name = entry.name[0] ? entry.name : "main",
                             .tid = entry.tid,
                             .call = entry.CallText(),
                             .request = entry.request,
                             .waiting_seconds = Seconds(waited[i]),
                             .state = probe.State(),
                             .cpu_seconds = probe.CpuSeconds() - cpu_at_entry[i],
                             .kernel_stack = probe.KernelStack()});
  }
  std::sort(stall.threads.begin(), stall.threads.end(),
            [](const auto& a, const auto& b) { return a.waiting_seconds > b.waiting_seconds; });
  return stall;
}

}  // namespace kct
