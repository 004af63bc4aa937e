// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/host_access.h"

#include <setjmp.h>
#include <signal.h>

#include "harness/base/tape.h"

namespace kct {
namespace {

thread_local sigjmp_buf way_out;

// Makes `access`. False: SIGBUS. Between sigsetjmp and the way out nothing is constructed.
template <typename Access>
bool Survives(Access access) {
  struct sigaction action = {}, previous = {};
  action.sa_handler = [](int) { siglongjmp(way_out, 1); };
  sigaction(SIGBUS, &action, &previous);
  const bool survived = sigsetjmp(way_out, 1) == 0;
  if (survived) access();
  sigaction(SIGBUS, &previous, nullptr);
  return survived;
}

}  // namespace

std::optional<uint64_t> TryLoad(Hva word) {
  volatile uint64_t value = 0;
  const bool there =
      Survives([&] { value = *static_cast<const volatile uint64_t*>(Pointer(word)); });
  if (!there) return std::nullopt;
  return value;
}

bool TryStore(Hva word, uint64_t value) {
  OnTape event(TapeKind::kStore);
  if (event) event->before = {word.value, value};
  event.Begin();
  const bool stored = Survives([&] { *static_cast<volatile uint64_t*>(Pointer(word)) = value; });
  if (event) event->ret = stored ? 0 : -1;
  event.End();
  return stored;
}

}  // namespace kct
