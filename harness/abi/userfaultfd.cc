// SPDX-License-Identifier: GPL-2.0-only
#include "harness/abi/userfaultfd.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/abi/host.h"
#include "harness/base/errno.h"
#include "harness/base/tape.h"

// Newer than the 6.1 headers.
#ifndef UFFDIO_POISON
struct uffdio_poison {
  struct uffdio_range range;
  __u64 mode;
  __s64 updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif
#ifndef UFFDIO_MOVE
struct uffdio_move {
  __u64 dst;
  __u64 src;
  __u64 len;
  __u64 mode;
  __s64 move;
};
#define UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct uffdio_move)
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON (1 << 14)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#ifndef UFFD_FEATURE_MOVE
#define UFFD_FEATURE_MOVE (1 << 16)
#endif
#ifndef UFFDIO_RWPROTECT
struct uffdio_rwprotect {
  struct uffdio_range range;
  __u64 mode;
};
#define UFFDIO_RWPROTECT _IOWR(UFFDIO, 0x09, struct uffdio_rwprotect)
#define UFFDIO_RWPROTECT_MODE_RWP (__u64{1} << 0)
#define UFFDIO_REGISTER_MODE_RWP (__u64{1} << 3)
#define UFFD_FEATURE_RWP (1 << 17)
#define UFFD_PAGEFAULT_FLAG_RWP (1 << 3)
#endif
static_assert(sizeof(uffdio_poison) == 32 && sizeof(uffdio_move) == 40);
static_assert(sizeof(uffdio_rwprotect) == 24);

namespace kct {
namespace {

uint64_t RegisterModeOf(FaultKind kinds) {
  return (Has(kinds, FaultKind::kMissing) ? UFFDIO_REGISTER_MODE_MISSING : 0) |
         (Has(kinds, FaultKind::kMinor) ? UFFDIO_REGISTER_MODE_MINOR : 0) |
         (Has(kinds, FaultKind::kProtected) ? UFFDIO_REGISTER_MODE_WP : 0) |
         (Has(kinds, FaultKind::kClosed) ? UFFDIO_REGISTER_MODE_RWP : 0);
}

// What has to be there; without it the kinds can't be watched.
uint64_t FeaturesFor(OnFault on_fault, FaultKind kinds) {
  uint64_t features = UFFD_FEATURE_MISSING_SHMEM;
  if (on_fault == OnFault::kSigbus) features |= UFFD_FEATURE_SIGBUS;
  if (on_fault == OnFault::kNoted) features |= UFFD_FEATURE_WP_ASYNC;
  if (Has(kinds, FaultKind::kClosed)) features |= UFFD_FEATURE_RWP;
  if (Has(kinds, FaultKind::kMinor)) features |= UFFD_FEATURE_MINOR_SHMEM;
  if (Has(kinds, FaultKind::kProtected)) {
    features |= UFFD_FEATURE_PAGEFAULT_FLAG_WP;
  }
  return features;
}

Result<UniqueFd> NewFd(OnFault on_fault) {
  const int user_only = on_fault == OnFault::kUserOnly ? UFFD_USER_MODE_ONLY : 0;
  UniqueFd fd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | user_only)));
  if (!fd) return MakeError("userfaultfd: {}", LastErrno().Explain());
  return fd;
}

// The handshake can be made once on an fd, and fails as a whole if one feature is unknown: another
// fd asks what there is.
Result<uint64_t> OfferedFeatures(OnFault on_fault) {
  KCT_TRY(UniqueFd fd, NewFd(on_fault));
  uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
  if (ioctl(fd.get(), UFFDIO_API, &api) == 0) return uint64_t{api.features};
  return MakeError("UFFDIO_API(features=0): {}", LastErrno().Explain());
}

Result<UniqueFd> Open(OnFault on_fault, FaultKind kinds) {
  constexpr uint64_t kIfOffered = UFFD_FEATURE_POISON | UFFD_FEATURE_MOVE |
                                  UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_WP_UNPOPULATED;
  KCT_TRY(const uint64_t offered, OfferedFeatures(on_fault));
  const uint64_t features = FeaturesFor(on_fault, kinds) | (offered & kIfOffered);
  KCT_TRY(UniqueFd fd, NewFd(on_fault));
  uffdio_api api{.api = UFFD_API, .features = features, .ioctls = 0};
  if (ioctl(fd.get(), UFFDIO_API, &api) == 0) return fd;
  return MakeError("UFFDIO_API(features={:#x}), where {:#x} are offered: {}", features, offered,
                   LastErrno().Explain());
}

class Watched final : public WatchedMemory {
 public:
  explicit Watched(UniqueFd fd) : fd_(std::move(fd)) {}
  std::optional<PageFault> NextFault(Instant deadline) override;
  int Order(const PageOrder& order) override;

 private:
  int Issue(const PageOrder& order) const;
  UniqueFd fd_;
};

PageFault FaultOf(const uffd_msg& message) {
  const uint64_t flags = message.arg.pagefault.flags;
  const FaultKind kind = (flags & UFFD_PAGEFAULT_FLAG_RWP) != 0     ? FaultKind::kClosed
                         : (flags & UFFD_PAGEFAULT_FLAG_WP) != 0    ? FaultKind::kProtected
                         : (flags & UFFD_PAGEFAULT_FLAG_MINOR) != 0 ? FaultKind::kMinor
                                                                    : FaultKind::kMissing;
  return {Hva{message.arg.pagefault.address & ~(kPage.count - 1)}, kind};
}

std::optional<PageFault> Watched::NextFault(Instant deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd poll_fd{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (poll(&poll_fd, 1, static_cast<int>(std::max<long long>(left.count(), 0))) <= 0) {
      if (Clock::now() >= deadline) return std::nullopt;
      continue;  // a signal
    }
    uffd_msg message;
    if (read(fd_.get(), &message, sizeof message) == sizeof message &&
        message.event == UFFD_EVENT_PAGEFAULT) {
      return FaultOf(message);
    }
  }
}

int Watched::Issue(const PageOrder& order) const {
  const uffdio_range range{.start = order.page.value, .len = order.size.count};
  switch (order.what) {
    case PageOrder::What::kZeros: {
      uffdio_zeropage zero{.range = range, .mode = 0, .zeropage = 0};
      return ioctl(fd_.get(), UFFDIO_ZEROPAGE, &zero);
    }
    case PageOrder::What::kCopy: {
      uffdio_copy copy{
          .dst = range.start, .src = order.from.value, .len = range.len, .mode = 0, .copy = 0};
      return ioctl(fd_.get(), UFFDIO_COPY, &copy);
    }
    case PageOrder::What::kContinue: {
      uffdio_continue go_on{.range = range, .mode = 0, .mapped = 0};
      return ioctl(fd_.get(), UFFDIO_CONTINUE, &go_on);
    }
    case PageOrder::What::kMove: {
      uffdio_move move{
          .dst = range.start, .src = order.from.value, .len = range.len, .mode = 0, .move = 0};
      return ioctl(fd_.get(), UFFDIO_MOVE, &move);
    }
    case PageOrder::What::kPoison: {
      uffdio_poison poison{.range = range, .mode = 0, .updated = 0};
      return ioctl(fd_.get(), UFFDIO_POISON, &poison);
    }
    case PageOrder::What::kProtect:
    case PageOrder::What::kUnprotect: {
      const bool protect = order.what == PageOrder::What::kProtect;
      uffdio_writeprotect change{.range = range,
                                 .mode = protect ? uint64_t{UFFDIO_WRITEPROTECT_MODE_WP} : 0};
      return ioctl(fd_.get(), UFFDIO_WRITEPROTECT, &change);
    }
    case PageOrder::What::kClose:
    case PageOrder::What::kOpen: {
      const bool close = order.what == PageOrder::What::kClose;
      uffdio_rwprotect change{.range = range, .mode = close ? UFFDIO_RWPROTECT_MODE_RWP : 0};
      return ioctl(fd_.get(), UFFDIO_RWPROTECT, &change);
    }
    case PageOrder::What::kWake:
      return ioctl(fd_.get(), UFFDIO_WAKE, &range);
  }
  return FailWith(Errno(EINVAL));
}

int Watched::Order(const PageOrder& order) {
  const int ret = Issue(order);
  if (ret == 0 || LastErrno() != Errno(EEXIST)) return ret;
  Issue({PageOrder::What::kWake, order.page, order.size});
  return FailWith(Errno(EEXIST));
}

}  // namespace

Result<std::unique_ptr<WatchedMemory>> WatchWithUserfaultfd(Hva start, Bytes size, OnFault on_fault,
                                                            FaultKind kinds) {
  KCT_TRY(UniqueFd fd, Open(on_fault, kinds));
  uffdio_register registration{.range = {.start = start.value, .len = size.count},
                               .mode = RegisterModeOf(kinds),
                               .ioctls = 0};
  if (ioctl(fd.get(), UFFDIO_REGISTER, &registration) != 0) {
    return MakeError("UFFDIO_REGISTER({}, {}, mode={}): {}", start, size, registration.mode,
                     LastErrno().Explain());
  }
  return std::unique_ptr<WatchedMemory>(std::make_unique<Watched>(std::move(fd)));
}

Result<Userfaultfd> Userfaultfd::Register(Hva start, Bytes size, OnFault on_fault,
                                          FaultKind kinds) {
  PutOnTape(TapeKind::kWatched, start.value, size.count);
  KCT_TRY(std::unique_ptr<WatchedMemory> memory,
          CurrentHost().WatchMemory(start, size, on_fault, kinds));
  return Userfaultfd(std::move(memory));
}

CallRecord Userfaultfd::Order(const char* name, const PageOrder& order) {
  CallRecord record{.what = name, .before = {order.page.value, order.size.count}};
  record.after = record.before;
  record.begin = StampTsc();
  record.ret = memory_->Order(order);
  const Errno error = LastErrno();
  record.end = StampTsc();
  if (record.ret < 0) record.error = error;
  return record;
}

// What is put on the tape is put there before the call: those who wait may go on before it returns.

CallRecord Userfaultfd::Zeros(Hva page, Bytes size) {
  PutOnTape(TapeKind::kSupplied, page.value, size.count);
  return Order("UFFDIO_ZEROPAGE", {PageOrder::What::kZeros, page, size});
}

CallRecord Userfaultfd::Copy(Hva page, Hva from, Bytes size) {
  PutOnTape(TapeKind::kMemoryChanged, page.value, size.count);
  PutOnTape(TapeKind::kSupplied, page.value, size.count);
  return Order("UFFDIO_COPY", {PageOrder::What::kCopy, page, size, from});
}

CallRecord Userfaultfd::Continue(Hva page, Bytes size) {
  PutOnTape(TapeKind::kMemoryChanged, page.value, size.count);
  PutOnTape(TapeKind::kSupplied, page.value, size.count);
  return Order("UFFDIO_CONTINUE", {PageOrder::What::kContinue, page, size});
}

CallRecord Userfaultfd::Move(Hva page, Hva from, Bytes size) {
  PutOnTape(TapeKind::kMemoryChanged, from.value, size.count);
  PutOnTape(TapeKind::kMemoryChanged, page.value, size.count);
  PutOnTape(TapeKind::kSupplied, page.value, size.count);
  return Order("UFFDIO_MOVE", {PageOrder::What::kMove, page, size, from});
}

CallRecord Userfaultfd::Poison(Hva page, Bytes size) {
  PutOnTape(TapeKind::kMemoryChanged, page.value, size.count);
  PutOnTape(TapeKind::kSignal, 0);  // whoever touches it gets SIGBUS
  return Order("UFFDIO_POISON", {PageOrder::What::kPoison, page, size});
}

CallRecord Userfaultfd::Protect(Hva page, Bytes size) {
  return Order("UFFDIO_WRITEPROTECT on", {PageOrder::What::kProtect, page, size});
}

CallRecord Userfaultfd::Unprotect(Hva page, Bytes size) {
  return Order("UFFDIO_WRITEPROTECT off", {PageOrder::What::kUnprotect, page, size});
}

CallRecord Userfaultfd::Close(Hva page, Bytes size) {
  return Order("UFFDIO_RWPROTECT on", {PageOrder::What::kClose, page, size});
}

CallRecord Userfaultfd::Open(Hva page, Bytes size) {
  return Order("UFFDIO_RWPROTECT off", {PageOrder::What::kOpen, page, size});
}

CallRecord Userfaultfd::Wake(Hva page, Bytes size) {
  return Order("UFFDIO_WAKE", {PageOrder::What::kWake, page, size});
}

}  // namespace kct
