// SPDX-License-Identifier: GPL-2.0-only
#include "harness/race/actor.h"

#include <unistd.h>

#include "harness/base/check.h"
#include "harness/base/patience.h"
#include "harness/base/tape.h"
#include "harness/liveness/in_flight.h"
#include "harness/liveness/watchdog.h"

namespace kct {

Actor::Actor(std::string name) : name_(std::move(name)), thread_([this] { Loop(); }) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return tid_ != 0; });
}

Actor::~Actor() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Actor::Loop() {
  NameThisThread(name_);
  std::unique_lock lock(mutex_);
  tid_ = gettid();
  changed_.notify_all();
  while (true) {
    changed_.wait(lock, [&] { return stop_ || call_; });
    if (!call_) return;
    lock.unlock();
    const CallRecord answer = call_();
    lock.lock();
    call_ = nullptr;
    answer_ = answer;
    changed_.notify_all();
  }
}

void Actor::Start(std::function<CallRecord()> call) {
  std::lock_guard lock(mutex_);
  KCT_CHECK(!call_);
  call_ = std::move(call);
  answer_.reset();
  changed_.notify_all();
}

bool Actor::Done() const {
  std::lock_guard lock(mutex_);
  return answer_.has_value();
}

CallRecord Actor::Finish() {
  std::unique_lock lock(mutex_);
  KCT_CHECK(call_ || answer_);
  changed_.wait(lock, [&] { return answer_.has_value(); });
  return *answer_;
}

std::optional<CallRecord> Actor::FinishBy(Instant deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [&] { return answer_.has_value(); });
  return answer_;
}

bool Actor::WaitBlockedIn(std::string_view function) const { return WaitSeenIn(function, 0); }

bool Actor::WaitBlockedAgainIn(std::string_view function, uint64_t waits) const {
  return WaitSeenIn(function, waits + 1);
}

bool Actor::WaitSeenIn(std::string_view function, uint64_t least_waits) const {
  return WaitUntil([&] { return Done() || IsSeenIn(function, least_waits); },
                   GiveUpAfter(kPatience)) &&
         !Done();
}

bool Actor::IsSeenIn(std::string_view function, uint64_t least_waits) const {
  const ThreadProbe probe = Probe();
  const uint64_t waits = probe.Waits();
  if (waits < least_waits || !probe.BlockedIn(function)) return false;
  const uint64_t now = StampTsc();
  // Asleep there before and after, and in one wait: it was there at that moment.
  if (function == "synchronize_srcu" && probe.BlockedIn(function) && probe.Waits() == waits) {
    PutOnTape(TapeKind::kSeenWaiting, static_cast<uint64_t>(tid_), now);
  }
  return true;
}

ThreadProbe Actor::Probe() const { return ThreadProbe(tid_); }

void Actor::Interrupt() const { InterruptThread(tid_); }

}  // namespace kct
