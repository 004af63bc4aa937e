// SPDX-License-Identifier: GPL-2.0-only
// Userfaultfd: faults of a range of this process, delivered to us and answered by us.
//
//   ASSERT_OK_AND_ASSIGN(Userfaultfd uffd, Userfaultfd::Register(hva, size, OnFault::kWait));
//   … somebody touches a page …
//   const std::optional<PageFault> fault = uffd.NextFault(Clock::now() + 5s);
//   EXPECT_THAT(uffd.Copy(fault->page, source, kPage), Succeeds());
//
// What can be watched depends on the memory:
//
//   kind                  anonymous memory    shared memory (memfd)
//   FaultKind::kMissing   Zeros, Copy, Move   Copy, and Zeros; a page that the file does not have
//   FaultKind::kMinor     -                   Continue; a page that the file has, unmapped here
//   FaultKind::kProtected Unprotect           Unprotect
//   FaultKind::kClosed    Open                Open
#pragma once

#include <memory>
#include <optional>

#include "harness/abi/call.h"
#include "harness/base/clock.h"
#include "harness/base/result.h"
#include "harness/base/units.h"

namespace kct {

// What becomes of whoever makes an access that faults.
enum class OnFault {
  kWait,      // the thread waits until the page is there, also inside the kernel
  kSigbus,    // the access fails at once, as if nothing were mapped (UFFD_FEATURE_SIGBUS)
  kUserOnly,  // only accesses made in user mode wait; those of the kernel fail
  kNoted,     // kProtected: the write is let through and noted (UFFD_FEATURE_WP_ASYNC)
};

// Which accesses fault; several are combined with |.
enum class FaultKind : uint8_t {
  kMissing = 1,    // nothing is there
  kMinor = 2,      // the file has the page, this mapping of it does not
  kProtected = 4,  // writes, where Protect() was called
  kClosed = 8,     // all accesses, where Close() was called; Linux 7.3
};
constexpr FaultKind operator|(FaultKind a, FaultKind b) {
  return static_cast<FaultKind>(static_cast<uint8_t>(a) | static_cast<uint8_t>(b));
}
constexpr bool Has(FaultKind kinds, FaultKind one) {
  return (static_cast<uint8_t>(kinds) & static_cast<uint8_t>(one)) != 0;
}

struct PageFault {
  Hva page;
  FaultKind kind;
  bool operator==(const PageFault&) const = default;
};

// One order to a userfaultfd about [page, page + size).
struct PageOrder {
  enum class What {
    kZeros,
    kCopy,
    kContinue,
    kMove,
    kPoison,
    kProtect,
    kUnprotect,
    kClose,
    kOpen,
    kWake
  };
  What what;
  Hva page;
  Bytes size;
  Hva from = {};  // kCopy, kMove
};

// A range that is watched for faults. Its end lets everybody who waits go on.
class WatchedMemory {
 public:
  virtual ~WatchedMemory() = default;
  virtual std::optional<PageFault> NextFault(Instant deadline) = 0;
  // As ioctl(2): -1, and the errno is set.
  virtual int Order(const PageOrder& order) = 0;
};

// With the kernel's userfaultfd.
Result<std::unique_ptr<WatchedMemory>> WatchWithUserfaultfd(Hva start, Bytes size, OnFault on_fault,
                                                            FaultKind kinds);

class Userfaultfd {
 public:
  // Registers [start, start + size). REQUIRES: page aligned, mapped. Error: the kernel has no such
  // userfaultfd, or not for this memory.
  static Result<Userfaultfd> Register(Hva start, Bytes size, OnFault on_fault,
                                      FaultKind kinds = FaultKind::kMissing);

  // Waits for the next fault; none if the deadline passes first.
  std::optional<PageFault> NextFault(Instant deadline) { return memory_->NextFault(deadline); }

  // Each is one ioctl, and lets the threads go on that wait for the pages. Where a page is there
  // already it fails with EEXIST and leaves the page alone; who waits for it goes on all the same.
  CallRecord Zeros(Hva page, Bytes size);
  CallRecord Copy(Hva page, Hva from, Bytes size);
  CallRecord Continue(Hva page, Bytes size);
  // Takes the pages at `from`, which are missing afterwards.
  CallRecord Move(Hva page, Hva from, Bytes size);
  // Marks pages as poisoned memory, as a hardware error would.
  CallRecord Poison(Hva page, Bytes size);
  // Writes fault from now on, and no longer.
  CallRecord Protect(Hva page, Bytes size);
  CallRecord Unprotect(Hva page, Bytes size);
  // All accesses fault from now on, and no longer.
  CallRecord Close(Hva page, Bytes size);
  CallRecord Open(Hva page, Bytes size);
  // Lets who waits try again.
  CallRecord Wake(Hva page, Bytes size);

 private:
  explicit Userfaultfd(std::unique_ptr<WatchedMemory> memory) : memory_(std::move(memory)) {}
  CallRecord Order(const char* name, const PageOrder& order);

  std::unique_ptr<WatchedMemory> memory_;
};

}  // namespace kct
