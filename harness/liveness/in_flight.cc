// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/in_flight.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "harness/abi/ioctls.h"
#include "harness/base/check.h"
#include "harness/base/patience.h"
#include "harness/base/tape.h"

namespace kct {
namespace {

ThreadEntry entries[kMaxThreads];
std::atomic<bool> frozen{false};
Duration default_budget = kDefaultBudget;
thread_local Duration budget = default_budget;

// Claims an entry for the life of a thread.
class EntryClaim {
 public:
  EntryClaim() {
    const pid_t self = gettid();
    for (ThreadEntry& entry : entries) {
      pid_t free = 0;
      if (entry.tid.compare_exchange_strong(free, self)) {
        entry_ = &entry;
        entry.name[0] = '\0';
        return;
      }
    }
    Die(__FILE__, __LINE__, "too many threads for the table of calls in flight", "");
  }
  ~EntryClaim() { entry_->tid = 0; }
  ThreadEntry& entry() { return *entry_; }

 private:
  ThreadEntry* entry_ = nullptr;
};

ThreadEntry& ThisThread() {
  thread_local EntryClaim claim;
  return claim.entry();
}

}  // namespace

std::string ThreadEntry::CallText() const {
  return what != nullptr ? std::string(what) : DescribeCall(request, argument);
}

ThreadEntry* ThreadEntries() { return entries; }

void NameThisThread(std::string_view name) {
  ThreadEntry& entry = ThisThread();
  const std::size_t length = std::min(name.size(), sizeof entry.name - 1);
  std::memcpy(entry.name, name.data(), length);
  entry.name[length] = '\0';
  prctl(PR_SET_NAME, entry.name);
  NameOnTape(name);
}

void SetDefaultBudget(Duration value) { budget = default_budget = value; }

InFlight::InFlight(const char* what) : entry_(ThisThread()) {
  entry_.what = what;
  entry_.fd = -1;
  entry_.request = 0;
  entry_.budget = Scaled(budget);
  entry_.sequence.fetch_add(1, std::memory_order_release);
}

InFlight::InFlight(int fd, unsigned long request, uintptr_t argument) : entry_(ThisThread()) {
  entry_.what = nullptr;
  entry_.fd = fd;
  entry_.request = request;
  entry_.argument = argument;
  entry_.budget = Scaled(budget);
  entry_.sequence.fetch_add(1, std::memory_order_release);
}

void InFlight::Returned(RawAnswer answer) { entry_.answer = answer; }

InFlight::~InFlight() {
  if (frozen.load(std::memory_order_acquire)) {
    entry_.returned.store(true, std::memory_order_release);
    while (true) pause();
  }
  entry_.sequence.fetch_add(1, std::memory_order_release);
}

ScopedBudget::ScopedBudget(Duration value) : previous_(budget) { budget = value; }
ScopedBudget::~ScopedBudget() { budget = previous_; }

void FreezeReturningThreads() {
  StopTape();
  frozen.store(true, std::memory_order_release);
}

}  // namespace kct
