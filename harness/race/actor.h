// SPDX-License-Identifier: GPL-2.0-only
// Actor: a thread that makes one call when told, for scenes in which one side is parked at an
// exact point while the other acts.
//
//   Actor prefault("prefault"), remove("delete");
//   prefault.Start([&] { return vcpu.PreFault(slot.range()); });
//   ... userfaultfd says that the prefault has reached the page ...
//   remove.Start([&] { return slot.Delete(); });
//   ASSERT_REACHED(remove.WaitBlockedIn("synchronize_srcu"), "delete waits for the prefault");
//   EXPECT_THAT(remove.Finish(), Succeeds());
//
// A call that never comes back is the watchdog's business: Finish() does not time out by itself.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "harness/abi/call.h"
#include "harness/base/clock.h"
#include "harness/liveness/thread_probe.h"

namespace kct {

class Actor {
 public:
  // How long the Wait… functions look for what they wait for.
  static constexpr Duration kPatience = 5s;

  explicit Actor(std::string name);
  ~Actor();  // waits for a call that is under way
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  const std::string& name() const { return name_; }

  // Makes the call on the actor's thread. REQUIRES: no call is under way.
  void Start(std::function<CallRecord()> call);
  // Whether the last call started has come back.
  bool Done() const;
  // Waits until the call has come back and returns what it answered. REQUIRES: Start was called.
  CallRecord Finish();
  // Finish, unless the call is still under way at the deadline.
  std::optional<CallRecord> FinishBy(Instant deadline);

  // Whether the thread was seen asleep with this function on its kernel stack, while its call was
  // under way. Needs root: the stacks of the kernel are secret otherwise.
  bool WaitBlockedIn(std::string_view function) const;
  // The same, but in a wait that began after `waits` (see ThreadProbe::Waits).
  bool WaitBlockedAgainIn(std::string_view function, uint64_t waits) const;
  ThreadProbe Probe() const;
  // Interrupts the call with a signal, where the kernel lets it be interrupted.
  void Interrupt() const;

 private:
  void Loop();
  bool WaitSeenIn(std::string_view function, uint64_t least_waits) const;
  bool IsSeenIn(std::string_view function, uint64_t least_waits) const;

  std::string name_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::function<CallRecord()> call_;
  std::optional<CallRecord> answer_;
  bool stop_ = false;
  pid_t tid_ = 0;
  std::thread thread_;
};

}  // namespace kct
