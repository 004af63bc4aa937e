// SPDX-License-Identifier: GPL-2.0-only
// Place: the host memory behind the slot of a test, in a state that is known word by word.
//
// A place has four marks, which are far apart. At each is a word that no other mark, and no other
// round, has: what is read there says where it comes from. The word is the code of a function as
// well, so that a mark can be executed.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/abi/call.h"
#include "harness/abi/userfaultfd.h"
#include "harness/abi/zram.h"
#include "harness/base/result.h"
#include "harness/base/unique_fd.h"
#include "harness/testing/sigbus.h"
#include "tests/notifier/source.h"

namespace kct {

class Place {
 public:
  static constexpr std::size_t kMarks = 4;
  // Offsets from a mark.
  static constexpr Bytes kAdded{8};   // the guest counts here
  static constexpr Bytes kGuest{16};  // the guest writes here
  static constexpr Bytes kHost{24};   // the host writes here
  static constexpr Bytes kProbe{32};  // a breakpoint may be here

  static Result<std::unique_ptr<Place>> Make(const Source& source, PageSize page_size);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place();

  Hva hva() const { return start_; }
  Bytes size() const { return size_; }
  Bytes page() const { return page_; }
  // As large as the place, at a distance that keeps the alignment; nothing that a slot has.
  Hva spare() const { return start_ + kApart; }
  // What is mapped, of kinds of memory that are a file.
  int file() const { return file_.get(); }

  // The offset of a mark.
  Bytes MarkAt(std::size_t mark) const { return {size_.count / kMarks * mark}; }
  Hva Mark(std::size_t mark) const { return start_ + MarkAt(mark); }
  // What is at the marks before the source has done its work, and what it may put there.
  uint64_t Old(std::size_t mark) const;
  uint64_t New(std::size_t mark) const;
  uint64_t round() const { return round_; }
  // REQUIRES: the source leaves poison behind. It tells the thread that brings it about, too.
  SigbusCatcher& sigbus() { return *sigbus_; }
  // What is at a mark afterwards.
  uint64_t Final(std::size_t mark) const;

  // The word beside a mark, as the host finds it. REQUIRES: it may read the memory.
  volatile uint64_t& HostWord(std::size_t mark, Bytes beside) const {
    return *static_cast<volatile uint64_t*>(Pointer(Mark(mark) + beside));
  }

  // Everything as new, with the words of the next round: whatever a source has done is undone.
  CallRecord Renew();
  // Lets the source do its work. One that is the kernel's own work and did not come about in time
  // (ETIME) has failed in nothing, and shown nothing: the test is inconclusive.
  CallRecord Fire();

  // --- for sources ------------------------------------------------------------------------------
  // 0 or -1 and errno, like all of them.
  int Unmap();             // from here on there is a gap, until Renew
  int MoveTo(Hva target);  // the same
  int Map(Hva at) const;   // fresh memory of the place's kind and page size, over whatever is there
  // Words at the marks of a range that is laid out like the place.
  void StoreOld(Hva at) const;
  void StoreNew(Hva at) const;
  int WriteNewToFile() const;
  // Userfaultfd over a range, until Renew.
  int Watch(Hva start, FaultKind kind, OnFault on_fault = OnFault::kWait);
  Userfaultfd& watch() { return *watch_; }
  // Writes to a file of /proc or /sys. What it read before comes back at the end of the place.
  int Set(const std::string& knob, const std::string& value);
  // A child process with a copy of all memory, which does nothing, until Renew. -1: none.
  int KeepCopy();
  // Keeps a file open until Renew.
  void Keep(UniqueFd file) { kept_.push_back(std::move(file)); }
  void DropKept() { kept_.clear(); }
  // The kernel has where to swap to, until the end of the place.
  int UseSwap();

 private:
  static constexpr Bytes kApart{kHugePage.count * 2};

  Place(const Source& source, PageSize page_size);
  int MapAnew();
  int MapFile();
  void EndCopy();

  Status MakeDisk();

  const Source* source_;
  std::optional<Zram> disk_;  // outlives what uses it
  std::optional<SigbusCatcher> sigbus_;
  Bytes page_;
  Bytes size_;
  Hva start_;
  UniqueFd file_;
  uint64_t round_ = 0;
  bool gap_ = false;
  bool late_ = false;
  pid_t copy_ = 0;
  std::optional<Userfaultfd> watch_;
  std::vector<UniqueFd> kept_;
  std::map<std::string, std::string> knobs_;  // and what they read before
};

}  // namespace kct
