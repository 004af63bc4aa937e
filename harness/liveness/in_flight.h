// SPDX-License-Identifier: GPL-2.0-only
// InFlight: what each thread of this process is waiting for in the kernel, and since when.
//
// Every ioctl is entered here by WatchedBackend; other calls that may block are bracketed by hand:
//
//   InFlight call("write nx_huge_pages");
//   write(fd, "N", 1);
//
// The watchdog (watchdog.h) looks at the entries. Once it has declared a stall, a thread that
// comes out of a call stays in Leave() for good, so that the report shows the moment of the stall.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "harness/abi/backend.h"
#include "harness/base/clock.h"

namespace kct {

// How long a call may go without coming back before it is a HANG, where no ScopedBudget says else;
// on a slow machine so many times longer (harness/base/patience.h), as every other budget.
inline constexpr Duration kDefaultBudget = 2s;
// Another default. Set it before threads start.
void SetDefaultBudget(Duration budget);

// The entry of one thread. Fields other than the atomics are written before `sequence` turns odd
// and are stable while it stays so.
struct ThreadEntry {
  static constexpr int kMaxFrames = 32;

  std::atomic<pid_t> tid{0};          // 0: free
  std::atomic<uint64_t> sequence{0};  // odd: inside a call
  std::atomic<bool> returned{false};  // came back after the stall was declared
  std::atomic<int> frame_count{0};    // user stack taken by the signal handler
  char name[32] = {};
  const char* what = nullptr;  // a call that is not an ioctl
  int fd = -1;                 // of an ioctl (what == nullptr)
  unsigned long request = 0;   // its number; 0 where there is none
  uintptr_t argument = 0;
  Duration budget{};
  RawAnswer answer;  // of the call that came back after the stall
  void* frames[kMaxFrames] = {};

  bool inside() const { return sequence.load(std::memory_order_acquire) % 2 == 1; }
  std::string CallText() const;
};

inline constexpr int kMaxThreads = 64;

// All entries; free ones have tid 0.
ThreadEntry* ThreadEntries();

// Names the calling thread in reports and for the kernel (at most 15 characters are kept there).
void NameThisThread(std::string_view name);

// Brackets a call of the calling thread. REQUIRES: at most kMaxThreads threads at a time.
class InFlight {
 public:
  explicit InFlight(const char* what);
  InFlight(int fd, unsigned long request, uintptr_t argument);
  ~InFlight();
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  // Keeps what came back, for the report.
  void Returned(RawAnswer answer);

 private:
  ThreadEntry& entry_;
};

// A budget of its own for the calls this thread makes while it lives: longer where a guest runs
// on purpose, shorter where a stall is expected to be found quickly.
class ScopedBudget {
 public:
  explicit ScopedBudget(Duration budget);
  ~ScopedBudget();
  ScopedBudget(const ScopedBudget&) = delete;
  ScopedBudget& operator=(const ScopedBudget&) = delete;

 private:
  Duration previous_;
};

// Enters every ioctl, then passes it on.
class WatchedBackend final : public Backend {
 public:
  explicit WatchedBackend(Backend& inner) : inner_(inner) {}
  RawAnswer Ioctl(int fd, unsigned long request, uintptr_t argument) override {
    InFlight call(fd, request, argument);
    const RawAnswer answer = inner_.Ioctl(fd, request, argument);
    call.Returned(answer);
    return answer;
  }

 private:
  Backend& inner_;
};

// From now on threads that leave a call stay there. Called by the watchdog.
void FreezeReturningThreads();

}  // namespace kct
