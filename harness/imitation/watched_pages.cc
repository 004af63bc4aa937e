// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/watched_pages.h"

#include "harness/imitation/stay.h"

namespace kct::imitation {
namespace {

WatchedRange& Register(World& world, Hva start, Bytes size, MissingPage mode) {
  std::lock_guard lock(world.mutex);
  return world.pages.Watch(start, size, mode);
}

}  // namespace

WatchedPages::WatchedPages(World& world, Hva start, Bytes size, MissingPage mode)
    : world_(world), range_(Register(world, start, size, mode)) {}

WatchedPages::~WatchedPages() {
  std::lock_guard lock(world_.mutex);
  world_.pages.Forget(range_);
  world_.changed.notify_all();
}

std::optional<Hva> WatchedPages::NextFault(Instant deadline) {
  std::unique_lock lock(world_.mutex);
  while (range_.faults.empty()) {
    if (Clock::now() >= deadline) return std::nullopt;
    world_.changed.wait_until(lock, deadline);
  }
  const Hva page = range_.faults.front();
  range_.faults.pop_front();
  return page;
}

Status WatchedPages::SupplyZeros(Hva page, Bytes size) {
  std::lock_guard lock(world_.mutex);
  for (Hva at = page; at < page + size; at = at + kPage) range_.supplied.insert(at);
  world_.changed.notify_all();
  return {};
}

Status WatchedPages::SupplyPoison(Hva page, Bytes size) {
  std::lock_guard lock(world_.mutex);
  for (Hva at = page; at < page + size; at = at + kPage) world_.pages.Poison(at);
  world_.changed.notify_all();
  return {};
}

}  // namespace kct::imitation
