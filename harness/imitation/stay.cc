// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/stay.h"

#include <sched.h>
#include <unistd.h>

#include "harness/base/clock.h"

namespace kct::imitation {
namespace {

// Nobody announces a signal: it is looked for so often.
constexpr Duration kLook = 2ms;
constexpr uint32_t kStepsThatYield = 2;

}  // namespace

Stay::Stay(World& world)
    : world_(world), lock_(world.mutex), view_(world.threads.try_emplace(gettid()).first->second) {
  view_ = {.runs = true};
}

Stay::~Stay() { world_.threads.erase(gettid()); }

void Stay::PassTime(Place place, Meanwhile meanwhile) {
  if (!waiting_) ++view_.waits;
  waiting_ = true;
  view_.runs = meanwhile == Meanwhile::kRuns;
  view_.stack.assign(place.begin(), place.end());
  world_.changed.wait_for(lock_, kLook);
  view_.runs = true;
}

void Stay::Stepped() {
  waiting_ = false;
  view_.stack.clear();
  world_.changed.notify_all();
  // Whoever has no CPU at the moment gets one early in the call: calls meet on few CPUs as well.
  if (++steps_ <= kStepsThatYield) {
    lock_.unlock();
    sched_yield();
    lock_.lock();
  } else {
    GiveWay();
  }
}

void Stay::GiveWay() {
  lock_.unlock();
  lock_.lock();
}

}  // namespace kct::imitation
