// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/watched_pages.h"

#include <sys/mman.h>

#include <cerrno>
#include <vector>

#include "harness/imitation/stay.h"
#include "harness/imitation/user_memory.h"

namespace kct::imitation {
namespace {

WatchedRange& Register(World& world, const WatchedRange& range) {
  std::lock_guard lock(world.mutex);
  return world.pages.Watch(range);
}

}  // namespace

WatchedPages::WatchedPages(World& world, const WatchedRange& range)
    : world_(world), range_(Register(world, range)) {}

WatchedPages::~WatchedPages() {
  std::lock_guard lock(world_.mutex);
  world_.pages.Forget(range_);
  world_.changed.notify_all();
}

std::optional<PageFault> WatchedPages::NextFault(Instant deadline) {
  std::unique_lock lock(world_.mutex);
  while (range_.faults.empty()) {
    if (Clock::now() >= deadline) return std::nullopt;
    world_.changed.wait_until(lock, deadline);
  }
  const PageFault fault = range_.faults.front();
  range_.faults.pop_front();
  return fault;
}

int WatchedPages::Order(const PageOrder& order) {
  std::lock_guard lock(world_.mutex);
  const Errno error = Carry(order);
  world_.changed.notify_all();
  return error == Errno() ? 0 : FailWith(error);
}

Errno WatchedPages::Carry(const PageOrder& order) {
  switch (order.what) {
    case PageOrder::What::kZeros:
    case PageOrder::What::kCopy:
    case PageOrder::What::kContinue:
    case PageOrder::What::kMove:
      return Supply(order);
    case PageOrder::What::kPoison:
    case PageOrder::What::kProtect:
    case PageOrder::What::kUnprotect:
      for (Hva at = order.page; at < order.page + order.size; at = at + kPage) {
        if (order.what == PageOrder::What::kPoison) world_.pages.Poison(at);
        if (order.what == PageOrder::What::kProtect) range_.protected_pages.insert(at);
        if (order.what == PageOrder::What::kUnprotect) range_.protected_pages.erase(at);
      }
      return {};
    case PageOrder::What::kWake:
      return {};
    case PageOrder::What::kClose:
    case PageOrder::What::kOpen:
      break;  // nothing that the imitation knows
  }
  return Errno(EINVAL);
}

Errno WatchedPages::Supply(const PageOrder& order) {
  if (range_.supplied.contains(order.page)) return Errno(EEXIST);
  const bool moves = order.what == PageOrder::What::kMove;
  if (moves || order.what == PageOrder::What::kCopy) {
    std::vector<char> content(order.size.count);
    const bool copied = ReadUser(order.from, content.data(), content.size()) &&
                        WriteUser(order.page, content.data(), content.size());
    if (!copied) return Errno(EFAULT);
  }
  if (moves) {
    madvise(Pointer(order.from), order.size.count, MADV_DONTNEED);
    world_.Invalidate(order.from, order.size);
  }
  for (Hva at = order.page; at < order.page + order.size; at = at + kPage) {
    range_.supplied.insert(at);
  }
  return {};
}

}  // namespace kct::imitation
