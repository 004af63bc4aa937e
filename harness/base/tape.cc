// SPDX-License-Identifier: GPL-2.0-only
#include "harness/base/tape.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "harness/base/clock.h"

namespace kct {
namespace {

// Zeroed, and so touched, when it is made: a race is not to wait for the host's memory.
constexpr std::size_t kChunkEvents = 512;
using Chunk = std::array<TapeEvent, kChunkEvents>;

// The part of one thread. Only the thread writes; `count` says how much others may read.
struct Part {
  std::string name;
  pid_t tid = gettid();
  std::array<std::unique_ptr<Chunk>, kMostTapeEvents / kChunkEvents> chunks;
  std::size_t next = 0;
  std::atomic<std::size_t> count{0};
};

std::mutex mutex;  // of the list, not of what is in the parts
std::vector<std::unique_ptr<Part>> parts;
std::atomic<uint64_t> generation{0};  // of the tape; 0: nothing is written
std::atomic<uint64_t> last_generation{0};
std::atomic<uint64_t> full_at{~uint64_t{0}};
std::atomic<uint64_t> stopped_at{~uint64_t{0}};

struct ThisThread {
  std::string name;
  Part* part = nullptr;
  TapeEvent* last = nullptr;
  uint64_t generation = 0;  // that `part` is of
};
thread_local ThisThread self;

// The calling thread's part of the tape that is written now; nullptr: none is.
Part* OwnPart() {
  const uint64_t now = generation.load(std::memory_order_acquire);
  if (now == 0) return nullptr;
  if (self.generation != now) {
    auto part = std::make_unique<Part>();
    part->name = self.name;
    part->chunks[0] = std::make_unique<Chunk>();
    self.part = part.get();
    self.last = nullptr;
    self.generation = now;
    std::lock_guard lock(mutex);
    parts.push_back(std::move(part));
  }
  return self.part;
}

// A thread that comes out of a call long after the tape was forgotten has nothing to write to.
bool IsOfThisTape() { return self.generation == last_generation.load(std::memory_order_acquire); }

void Lower(std::atomic<uint64_t>& least, uint64_t value) {
  uint64_t found = least.load();
  while (value < found && !least.compare_exchange_weak(found, value)) {
  }
}

TapeEvent Seen(TapeEvent& event, uint64_t ends_at) {
  const bool returned = std::atomic_ref(event.returned).load(std::memory_order_acquire);
  TapeEvent seen = event;
  seen.returned = returned && seen.end <= ends_at;
  return seen;
}

}  // namespace

void StartTape() {
  std::lock_guard lock(mutex);
  parts.clear();
  full_at = stopped_at = ~uint64_t{0};
  generation = ++last_generation;
}

void StopTape() {
  Lower(stopped_at, StampTsc());
  generation = 0;
}

void NameOnTape(std::string_view name) {
  self.name = name;
  if (Part* part = OwnPart()) {
    std::lock_guard lock(mutex);
    part->name = name;
  }
}

OnTape::OnTape(TapeKind kind) {
  Part* part = OwnPart();
  self.last = nullptr;
  if (part == nullptr) return;
  if (part->next == kMostTapeEvents) {
    Lower(full_at, StampTsc());
    return;
  }
  std::unique_ptr<Chunk>& chunk = part->chunks[part->next / kChunkEvents];
  if (!chunk) chunk = std::make_unique<Chunk>();
  event_ = &(*chunk)[part->next++ % kChunkEvents];
  event_->kind = kind;
}

void OnTape::Begin() {
  if (event_ == nullptr) return;
  event_->begin = StampTsc();
  self.part->count.store(self.part->next, std::memory_order_release);
}

void OnTape::Stamp() {
  if (event_ != nullptr && IsOfThisTape()) event_->end = StampTsc();
}

void OnTape::End() {
  if (event_ == nullptr || !IsOfThisTape()) return;
  if (event_->end == 0) event_->end = StampTsc();
  std::atomic_ref(event_->returned).store(true, std::memory_order_release);
  self.last = event_;
}

void PutOnTape(TapeKind kind, uint64_t first, uint64_t second) {
  OnTape event(kind);
  if (event) event->before = {first, second};
  event.Begin();
  event.End();
}

void NoteOnTape(const std::array<uint64_t, 4>& words) {
  if (OwnPart() == nullptr || self.last == nullptr) return;
  self.last->note = words;
  self.last->noted = true;
}

TapeContents ReadTape() {
  TapeContents contents;
  contents.full = full_at < stopped_at;
  contents.ends_at = std::min(full_at.load(), stopped_at.load());
  std::lock_guard lock(mutex);
  for (const std::unique_ptr<Part>& part : parts) {
    ThreadTape& thread = contents.threads.emplace_back();
    thread.name = part->name;
    thread.tid = part->tid;
    const std::size_t count = part->count.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < count; ++i) {
      const TapeEvent seen =
          Seen((*part->chunks[i / kChunkEvents])[i % kChunkEvents], contents.ends_at);
      if (seen.begin <= contents.ends_at) thread.events.push_back(seen);
    }
  }
  return contents;
}

// A store that others have seen once End() stamps it: on x86 a plain one may wait in the CPU.
const HostWord& HostWord::operator=(uint64_t value) const {
  OnTape event(TapeKind::kStore);
  if (event) event->before = {HvaOf(const_cast<const uint64_t*>(where_)).value, value};
  event.Begin();
  __atomic_store_n(where_, value, __ATOMIC_SEQ_CST);
  event.End();
  return *this;
}

}  // namespace kct
