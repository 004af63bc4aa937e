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
#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON (1 << 14)
#endif
static_assert(sizeof(uffdio_poison) == 32);

namespace kct {
namespace {

uint64_t FeaturesFor(MissingPage mode) {
  return mode == MissingPage::kSigbus ? uint64_t{UFFD_FEATURE_SIGBUS} : 0;
}

// The API handshake fails as a whole if one feature is unknown, and needs a new fd to try again.
Result<UniqueFd> OpenWith(MissingPage mode, uint64_t features) {
  const int user_only = mode == MissingPage::kUserOnly ? UFFD_USER_MODE_ONLY : 0;
  UniqueFd fd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | user_only)));
  if (!fd) return MakeError("userfaultfd: {}", LastErrno().Explain());
  uffdio_api api{.api = UFFD_API, .features = features, .ioctls = 0};
  if (ioctl(fd.get(), UFFDIO_API, &api) != 0) {
    return MakeError("UFFDIO_API(features={:#x}): {}", features, LastErrno().Explain());
  }
  return fd;
}

class Watched final : public MissingPages {
 public:
  explicit Watched(UniqueFd fd) : fd_(std::move(fd)) {}
  std::optional<Hva> NextFault(Instant deadline) override;
  Status SupplyZeros(Hva page, Bytes size) override;
  Status SupplyPoison(Hva page, Bytes size) override;

 private:
  UniqueFd fd_;
};

std::optional<Hva> Watched::NextFault(Instant deadline) {
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
      return Hva{message.arg.pagefault.address & ~(kPage.count - 1)};
    }
  }
}

Status Watched::SupplyZeros(Hva page, Bytes size) {
  uffdio_zeropage zero{.range = {.start = page.value, .len = size.count}, .mode = 0, .zeropage = 0};
  if (ioctl(fd_.get(), UFFDIO_ZEROPAGE, &zero) == 0) return {};
  const Errno error = LastErrno();
  if (error != Errno(EEXIST)) {
    return MakeError("UFFDIO_ZEROPAGE({}, {}): {}", page, size, error.Explain());
  }
  uffdio_range range{.start = page.value, .len = size.count};
  ioctl(fd_.get(), UFFDIO_WAKE, &range);
  return {};
}

Status Watched::SupplyPoison(Hva page, Bytes size) {
  uffdio_poison poison{.range = {.start = page.value, .len = size.count}, .mode = 0, .updated = 0};
  if (ioctl(fd_.get(), UFFDIO_POISON, &poison) == 0) return {};
  return MakeError("UFFDIO_POISON({}, {}): {}", page, size, LastErrno().Explain());
}

}  // namespace

Result<std::unique_ptr<MissingPages>> WatchWithUserfaultfd(Hva start, Bytes size,
                                                           MissingPage mode) {
  const uint64_t features = FeaturesFor(mode);
  Result<UniqueFd> opened = OpenWith(mode, features | UFFD_FEATURE_POISON);
  if (!opened) opened = OpenWith(mode, features);
  KCT_TRY(UniqueFd fd, std::move(opened));
  uffdio_register registration{.range = {.start = start.value, .len = size.count},
                               .mode = UFFDIO_REGISTER_MODE_MISSING,
                               .ioctls = 0};
  if (ioctl(fd.get(), UFFDIO_REGISTER, &registration) != 0) {
    return MakeError("UFFDIO_REGISTER({}, {}): {}", start, size, LastErrno().Explain());
  }
  return std::unique_ptr<MissingPages>(std::make_unique<Watched>(std::move(fd)));
}

Result<Userfaultfd> Userfaultfd::Register(Hva start, Bytes size, MissingPage mode) {
  PutOnTape(TapeKind::kWatched, start.value, size.count);
  KCT_TRY(std::unique_ptr<MissingPages> pages, CurrentHost().WatchMissingPages(start, size, mode));
  return Userfaultfd(std::move(pages));
}

Status Userfaultfd::SupplyZeros(Hva page, Bytes size) {
  // Before it: those who wait may go on before it returns.
  PutOnTape(TapeKind::kSupplied, page.value, size.count);
  return pages_->SupplyZeros(page, size);
}

Status Userfaultfd::SupplyPoison(Hva page, Bytes size) {
  PutOnTape(TapeKind::kMemoryChanged, page.value, size.count);
  PutOnTape(TapeKind::kSignal, 0);  // whoever touches it gets SIGBUS
  return pages_->SupplyPoison(page, size);
}

}  // namespace kct
