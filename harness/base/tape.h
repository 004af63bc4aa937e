// SPDX-License-Identifier: GPL-2.0-only
// Tape: what the threads of this process do to KVM and to memory that guests may see, as raw events
// with times. harness/record makes histories of it.
//
// Each thread writes to memory of its own that is there already, without locks, so that races stay
// as they are; what it costs is in docs/design/recording.md. Nothing is written unless StartTape()
// was called, nor after StopTape(), nor once a thread has written kMostTapeEvents.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/errno.h"
#include "harness/base/units.h"

namespace kct {

inline constexpr std::size_t kMostTapeEvents = 1 << 16;  // of a thread

enum class TapeKind : uint8_t {
  kIoctl,          // fd, request; `before` and `after` are its argument's (abi/taped_backend.h)
  kStore,          // of user space: before = {HVA, value of 8 bytes}
  kDrop,           // before = {HVA, bytes}: they read as zeros afterwards
  kUnmapped,       // before = {HVA, bytes}
  kPoisoned,       // before = {HVA, bytes}: they were declared to have failed
  kMemoryChanged,  // before = {HVA, bytes}: they may be missing, protected or anything from now on
  kWatched,        // before = {HVA, bytes}: missing pages are somebody's to supply from now on
  kSupplied,       // before = {HVA, bytes}: and these were
  kMemoryLent,     // before = {HVA, bytes}: from now on they may be written without an event
  kFileMapped,     // fd; before = {HVA, bytes, 1 if stores there are on the tape}: from its start
  kFallocate,      // fd; before = {offset, bytes, mode}
  kClosed,         // fd
  kRootsDropped,   // a parameter of KVM was switched: all roots are obsolete from then on
  kSignal,         // somebody sent this process a signal that interrupts calls
  kSeenInPage,     // before = {HVA}: somebody waits for this page just now
  kSeenWaiting,    // before = {thread, time}: it was in synchronize_srcu then
};

struct TapeEvent {
  TapeKind kind = TapeKind::kIoctl;
  bool unreadable = false;  // kIoctl: its argument
  bool noted = false;       // `note` is there
  bool returned = false;
  int fd = -1;
  int ret = 0;
  Errno error;
  unsigned long request = 0;
  std::array<uint64_t, 8> before{};
  std::array<uint64_t, 2> after{};
  std::array<uint64_t, 4> note{};  // by NoteOnTape()
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Forgets all, and writes from now on. REQUIRES: no other thread is writing.
void StartTape();
// Writes no more. Events under way stay without an end.
void StopTape();

// Names the calling thread's part of the tape.
void NameOnTape(std::string_view name);

// An event of the calling thread. What is known beforehand goes in before Begin(), the rest before
// End().
//
//   OnTape event(TapeKind::kDrop);
//   if (event) event->before = {…};
//   event.Begin();
//   … do it …
//   event.End();
class OnTape {
 public:
  explicit OnTape(TapeKind kind);
  // False: nothing is written just now; Begin() and End() do nothing then.
  explicit operator bool() const { return event_ != nullptr; }
  TapeEvent* operator->() { return event_; }
  // Stamps the beginning, and makes the event visible as one under way.
  void Begin();
  // Stamps the end, for what takes its time to be filled in.
  void Stamp();
  // Makes the event visible as one that is over; stamps its end if Stamp() has not.
  void End();

 private:
  TapeEvent* event_ = nullptr;
};

// An event that takes no time.
void PutOnTape(TapeKind kind, uint64_t first, uint64_t second = 0);
// Adds to the last event of the calling thread, which is over, what only its caller can know.
void NoteOnTape(const std::array<uint64_t, 4>& words);

// What is on the tape now.
struct ThreadTape {
  std::string name;
  pid_t tid = 0;
  std::vector<TapeEvent> events;  // by begin
};
struct TapeContents {
  std::vector<ThreadTape> threads;
  // Later beginnings are left out, and what ended later has no end; all ones: nothing is left out.
  uint64_t ends_at = ~uint64_t{0};
  bool full = false;  // it ended there because a thread's part was full
};
TapeContents ReadTape();

// A word of this process's memory that guests may see: reads are loads, assignments are stores
// that the tape knows.
class HostWord {
 public:
  explicit HostWord(Hva where) : where_(static_cast<volatile uint64_t*>(Pointer(where))) {}
  HostWord(const HostWord&) = default;
  operator uint64_t() const { return *where_; }
  const HostWord& operator=(uint64_t value) const;
  const HostWord& operator=(const HostWord& other) const { return *this = uint64_t{other}; }

 private:
  volatile uint64_t* where_;
};

}  // namespace kct
