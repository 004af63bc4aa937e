// SPDX-License-Identifier: GPL-2.0-only
#include "harness/record/recordings.h"

#include <gmock/gmock.h>

#include <fcntl.h>

#include <cerrno>

#include "harness/abi/uapi.h"
#include "harness/guest/exit.h"
#include "harness/guest/program.h"
#include "harness/judge/judge.h"
#include "harness/record/shorten.h"

namespace kct {
namespace {

using model::Kind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kVm = 10, kVcpu = 11;
constexpr uint64_t kGpa = 0x100000000, kHva = 0x7f0000000000, kPageSize = 4096;
constexpr int kMain = 0, kOther = 1;

// A tape as the threads "main" and "other" would have written it, event by event.
class TapeWriter {
 public:
  TapeWriter() {
    tape_.threads = {{.name = "main", .tid = 100, .events = {}},
                     {.name = "other", .tid = 101, .events = {}}};
    for (ThreadTape& thread : tape_.threads) thread.events.reserve(1000);  // they are referred to
    Ioctl(kMain, -1, KVM_CREATE_VM, {}, kVm);
    Ioctl(kMain, kVm, KVM_CREATE_VCPU, {}, kVcpu);
  }

  // One call after all others so far.
  TapeEvent& Ioctl(int thread, int fd, unsigned long request, std::array<uint64_t, 8> before,
                   int ret = 0, int error = 0) {
    TapeEvent& event = Put(thread, TapeKind::kIoctl, before);
    event.fd = fd;
    event.request = request;
    event.ret = error != 0 ? -1 : ret;
    event.error = Errno(error);
    return event;
  }
  TapeEvent& Put(int thread, TapeKind kind, std::array<uint64_t, 8> before) {
    TapeEvent event{.kind = kind, .returned = true, .before = before};
    event.begin = clock_ += 10;
    event.end = clock_ += 10;
    auto& events = tape_.threads[static_cast<std::size_t>(thread)].events;
    events.push_back(event);
    return events.back();
  }
  TapeEvent& Region(int thread, uint64_t pages) {
    return Ioctl(thread, kVm, KVM_SET_USER_MEMORY_REGION, {1, 0, kGpa, pages * kPageSize, kHva});
  }
  TapeEvent& PreFault(int thread, uint64_t pages, uint64_t done, int error = 0) {
    TapeEvent& event =
        Ioctl(thread, kVcpu, KVM_PRE_FAULT_MEMORY, {kGpa, pages * kPageSize, 0}, 0, error);
    event.after = {kGpa + done * kPageSize, (pages - done) * kPageSize};
    return event;
  }
  // A KVM_RUN, and what VcpuRunner notes of its exit.
  TapeEvent& Run(int thread, ExitKind kind, uint64_t gpa = 0) {
    TapeEvent& event = Ioctl(thread, kVcpu, KVM_RUN, {});
    event.noted = true;
    event.note = {static_cast<uint64_t>(kind), gpa, 8, 0};
    return event;
  }
  uint64_t Now() const { return clock_; }
  // What was loaded at `loaded` and did each of its operations once, in the middle of `run`.
  void Program(const kct::Program& program, const TapeEvent& run, uint64_t loaded,
               std::vector<uint64_t> values) {
    ProgramRun done{.vcpu_fd = kVcpu,
                    .host_tsc = true,
                    .loaded = loaded,
                    .ended = ++clock_,
                    .ops = {program.ops().begin(), program.ops().end()},
                    .results = {}};
    for (uint64_t value : values) {
      done.results.push_back({.status = guest::OpStatus::kOk,
                              .runs = 1,
                              .value = value,
                              .count = 1,
                              .begin = run.begin + 2,
                              .end = run.begin + 4});
    }
    programs_.push_back(done);
  }
  TapeContents& tape() { return tape_; }

  std::vector<Recording> Recordings() const { return RecordingsOf(tape_, programs_, {}); }
  // REQUIRES: there is one VM.
  Recording Only() const {
    std::vector<Recording> recordings = Recordings();
    EXPECT_THAT(recordings, SizeIs(1));
    return recordings.empty() ? Recording() : recordings[0];
  }
  Answer Judged() const { return Judge(Only(), {}).answer; }

 private:
  TapeContents tape_;
  std::vector<ProgramRun> programs_;
  uint64_t clock_ = 1000;
};

// Calls of the VM and of its vCPU become calls of its history, with their lanes and times.
TEST(Recordings, AreTheCallsOfAVm) {
  TapeWriter tape;
  tape.Region(kMain, 4);
  tape.PreFault(kOther, 4, 4);
  tape.Region(kMain, 0);

  const Recording recording = tape.Only();

  ASSERT_THAT(recording.calls, SizeIs(3));
  EXPECT_THAT(recording.lanes, ElementsAre("main", "other"));
  EXPECT_EQ(recording.calls[1].op.kind, Kind::kPreFault);
  EXPECT_EQ(recording.calls[1].lane, 1u);
  EXPECT_EQ(recording.calls[1].seen.left, 0u);
  EXPECT_LT(recording.calls[0].end, recording.calls[1].begin);
  EXPECT_EQ(Judge(recording, {}).answer, Answer::kExplained);
}

// A wrong errno on the tape is a contradiction.
TEST(Recordings, ShowAWrongErrno) {
  TapeWriter tape;
  tape.Region(kMain, 4);
  tape.PreFault(kMain, 4, 0, EAGAIN);
  EXPECT_EQ(tape.Judged(), Answer::kContradicted);
}

// An fd that was closed and used again is another VM.
TEST(Recordings, TellVmsApartByTime) {
  TapeWriter tape;
  tape.Region(kMain, 4);
  tape.Ioctl(kMain, -1, KVM_CREATE_VM, {}, kVm);
  tape.Region(kMain, 4);

  const std::vector<Recording> recordings = tape.Recordings();

  ASSERT_THAT(recordings, SizeIs(2));
  EXPECT_THAT(recordings[0].calls, SizeIs(1));
  EXPECT_THAT(recordings[1].calls, SizeIs(1));
}

// What the model has no word for ends the history, and what began before did not come to an end.
TEST(Recordings, EndWhereTheModelDoesNotFollow) {
  constexpr unsigned long kStrange = 0xae99;
  TapeWriter tape;
  tape.Region(kMain, 4);
  tape.Ioctl(kMain, kVm, kStrange, {});
  tape.PreFault(kMain, 4, 0, EAGAIN);

  const Recording recording = tape.Only();

  EXPECT_THAT(recording.calls, SizeIs(1));
  EXPECT_TRUE(recording.truncated);
  EXPECT_THAT(recording.unjudged, SizeIs(1));
}

// A call whose argument KVM could not read has not happened.
TEST(Recordings, LeaveOutUnreadableArguments) {
  TapeWriter tape;
  TapeEvent& event = tape.Ioctl(kMain, kVcpu, KVM_PRE_FAULT_MEMORY, {}, 0, EFAULT);
  event.unreadable = true;

  const Recording recording = tape.Only();

  ASSERT_THAT(recording.calls, SizeIs(1));
  EXPECT_TRUE(recording.calls[0].refused);
}

// EFAULT needs a reason: host memory behind the range that was unmapped, protected or the like.
TEST(Recordings, AskForTheReasonOfAnEfault) {
  for (const bool unmapped : {false, true}) {
    TapeWriter tape;
    tape.Region(kMain, 4);
    if (unmapped) tape.Put(kMain, TapeKind::kMemoryChanged, {kHva + 3 * kPageSize, kPageSize});
    TapeEvent& event = tape.PreFault(kMain, 4, 0, EFAULT);
    event.noted = true;
    EXPECT_EQ(tape.Judged(), unmapped ? Answer::kExplained : Answer::kContradicted);
  }
}

// A file of two pages, and a slot on it.
constexpr int kFile = 12;
constexpr uint64_t kMapped = 0x7e0000000000;

void AddFileSlot(TapeWriter& tape) {
  tape.Ioctl(kMain, kVm, KVM_CREATE_GUEST_MEMFD,
             {2 * kPageSize, GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED}, kFile);
  tape.Ioctl(kMain, kVm, KVM_SET_USER_MEMORY_REGION2,
             {1, KVM_MEM_GUEST_MEMFD, kGpa, 2 * kPageSize, 0, kFile, 0});
}

// A prefault whose failure KVM describes in kvm_run, or not.
void PutFailedPreFault(TapeWriter& tape, int error, bool described) {
  TapeEvent& event = tape.PreFault(kMain, 2, 0, error);
  event.noted = true;
  event.note = {KVM_EXIT_UNKNOWN, described ? uint64_t{KVM_EXIT_MEMORY_FAULT} : KVM_EXIT_UNKNOWN};
}

// A prefault misses its file if that was closed, and says so.
TEST(Recordings, KnowTheLastCloseOfAFile) {
  for (const bool closed : {false, true}) {
    for (const bool described : {false, true}) {
      TapeWriter tape;
      AddFileSlot(tape);
      if (closed) tape.Put(kMain, TapeKind::kClosed, {}).fd = kFile;
      PutFailedPreFault(tape, EFAULT, described);
      EXPECT_EQ(tape.Judged(), closed && described ? Answer::kExplained : Answer::kContradicted);
    }
    TapeWriter tape;
    AddFileSlot(tape);
    if (closed) tape.Put(kMain, TapeKind::kClosed, {}).fd = kFile;
    tape.PreFault(kMain, 2, 2);
    EXPECT_EQ(tape.Judged(), closed ? Answer::kContradicted : Answer::kExplained);
  }
}

// A descriptor that another thread closed while the vCPU was being made is not the vCPU's.
TEST(Recordings, TellClosesOfOneNumberApart) {
  TapeWriter tape;
  TapeEvent& made = tape.Ioctl(kMain, kVm, KVM_CREATE_VCPU, {}, kFile);
  tape.Put(kOther, TapeKind::kClosed, {}).fd = kFile;
  made.end = tape.Now() + 1;
  tape.Region(kMain, 1);
  TapeEvent& prefault = tape.PreFault(kMain, 1, 1);
  prefault.fd = kFile;
  EXPECT_THAT(tape.Only().calls, SizeIs(2));
}

// While a file is mapped nobody knows whether a close was the last.
TEST(Recordings, LeaveTheCloseOfAMappedFileOpen) {
  for (const bool unmapped : {false, true}) {
    TapeWriter tape;
    AddFileSlot(tape);
    tape.Put(kMain, TapeKind::kFileMapped, {kMapped, 2 * kPageSize, 1}).fd = kFile;
    if (unmapped) tape.Put(kMain, TapeKind::kUnmapped, {kMapped, 2 * kPageSize});
    tape.Put(kMain, TapeKind::kClosed, {}).fd = kFile;
    tape.PreFault(kMain, 2, 2);
    EXPECT_EQ(tape.Judged(), unmapped ? Answer::kContradicted : Answer::kExplained);
  }
}

// A page has failed if it was poisoned, and until the file has another one.
TEST(Recordings, KnowThePoisonOfAFile) {
  for (const bool poisoned : {false, true}) {
    for (const bool punched : {false, true}) {
      TapeWriter tape;
      AddFileSlot(tape);
      tape.Put(kMain, TapeKind::kFileMapped, {kMapped, 2 * kPageSize, 1}).fd = kFile;
      if (poisoned) {
        TapeEvent& poison = tape.Put(kMain, TapeKind::kPoisoned, {kMapped + kPageSize, kPageSize});
        poison.ret = -1;
        poison.error = Errno(EBUSY);
      }
      if (punched) {
        TapeEvent& punch =
            tape.Put(kMain, TapeKind::kFallocate,
                     {kPageSize, kPageSize, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE});
        punch.fd = kFile;
      }
      // The first page can be had in any case.
      tape.PreFault(kMain, 2, 1);
      EXPECT_EQ(tape.Judged(), poisoned && !punched ? Answer::kExplained : Answer::kContradicted);
    }
  }
}

// Nor is a page that nobody supplies a reason to hang once it was supplied.
TEST(Recordings, AskForTheReasonOfAHang) {
  for (const bool supplied : {false, true}) {
    TapeWriter tape;
    tape.Region(kMain, 1);
    tape.Put(kMain, TapeKind::kWatched, {kHva, kPageSize});
    TapeEvent& hung = tape.PreFault(kOther, 1, 1);
    hung.returned = false;
    if (supplied) tape.Put(kMain, TapeKind::kSupplied, {kHva, kPageSize});
    tape.tape().ends_at = tape.Now() + 1000;
    EXPECT_EQ(tape.Judged(), supplied ? Answer::kContradicted : Answer::kExplained);
  }
}

// A call that had just begun when another one hung says nothing.
TEST(Recordings, ExcuseWhatHadJustBegun) {
  TapeWriter tape;
  tape.Region(kMain, 1);
  tape.Put(kMain, TapeKind::kWatched, {kHva, kPageSize});
  tape.PreFault(kOther, 1, 1).returned = false;
  const uint64_t hung_since = tape.Now();
  tape.Ioctl(kMain, kVm, KVM_SET_USER_MEMORY_REGION, {2, 0, 2 * kGpa, kPageSize, kHva + kGpa})
      .returned = false;
  tape.tape().ends_at = tape.Now() + (tape.Now() - hung_since) / 4;

  const Recording recording = tape.Only();

  EXPECT_FALSE(recording.calls[1].any_answer);
  EXPECT_TRUE(recording.calls[2].any_answer);
}

// What a guest read from a word that only the tape's stores and it have written is judged.
TEST(Recordings, JudgeWhatAGuestReads) {
  for (const uint64_t read : {7, 8}) {
    TapeWriter tape;
    tape.Region(kMain, 4);
    tape.Put(kMain, TapeKind::kStore, {kHva, 7});
    const uint64_t loaded = tape.Now() + 1;
    const TapeEvent run = tape.Run(kMain, ExitKind::kDone);
    tape.Program(Program().Read64({kGpa}), run, loaded, {read});
    EXPECT_EQ(tape.Judged(), read == 7 ? Answer::kExplained : Answer::kContradicted) << read;
  }
}

// Not so once the memory was lent to somebody whose writes nobody sees.
TEST(Recordings, DoNotJudgeWordsOfUnknownWriters) {
  TapeWriter tape;
  tape.Region(kMain, 4);
  tape.Put(kMain, TapeKind::kStore, {kHva, 7});
  tape.Put(kMain, TapeKind::kMemoryLent, {kHva, kPageSize});
  const uint64_t loaded = tape.Now() + 1;
  const TapeEvent run = tape.Run(kMain, ExitKind::kDone);
  tape.Program(Program().Read64({kGpa}), run, loaded, {8});
  EXPECT_EQ(tape.Judged(), Answer::kExplained);
}

// A loop of the guest writes as often as it likes: what it leaves behind is not known.
TEST(Recordings, DoNotJudgeWhatLoopsWrite) {
  TapeWriter tape;
  tape.Region(kMain, 4);
  tape.Put(kMain, TapeKind::kStore, {kHva, 7});
  const uint64_t loaded = tape.Now() + 1;
  const TapeEvent run = tape.Run(kMain, ExitKind::kDone);
  tape.Program(Program().LoopStart().AtomicAdd({kGpa}, 1).Repeat(3).Read64({kGpa}), run, loaded,
               {0, 0, 10});
  EXPECT_EQ(tape.Judged(), Answer::kExplained);
}

// A read may map a page for writing, which the log then has; what loops and checksums read is not
// part of the story, so the log is not judged.
TEST(Recordings, DoNotJudgeTheLogOfPagesThatWereReadUnseen) {
  const auto judged = [](const kct::Program& program) {
    TapeWriter tape;
    tape.Ioctl(kMain, kVm, KVM_SET_USER_MEMORY_REGION,
               {1, KVM_MEM_LOG_DIRTY_PAGES, kGpa, 4 * kPageSize, kHva});
    const uint64_t loaded = tape.Now() + 1;
    const TapeEvent run = tape.Run(kMain, ExitKind::kDone);
    tape.Program(program, run, loaded, {0});
    tape.Ioctl(kMain, kVm, KVM_GET_DIRTY_LOG, {1}).after = {0b10};
    return tape.Judged();
  };
  const GpaRange second{Gpa{kGpa} + kPage, kPage};
  EXPECT_EQ(judged(Program().Checksum(second)), Answer::kExplained);
  EXPECT_EQ(judged(Program().InvalidatePage(second.start)), Answer::kContradicted);
}

// An exit to MMIO is an access, also from a loop: where a slot stood all the time it is a wrong
// one.
TEST(Recordings, TakeExitsForAccesses) {
  for (const bool deleted : {false, true}) {
    TapeWriter tape;
    tape.Region(kMain, 4);
    if (deleted) tape.Region(kMain, 0);
    const uint64_t loaded = tape.Now() + 1;
    const TapeEvent run = tape.Run(kMain, ExitKind::kMmio, kGpa);
    tape.Program(Program().LoopStart().Read64({kGpa}).RepeatUntilFlag(), run, loaded, {0, 0});
    EXPECT_EQ(tape.Judged(), deleted ? Answer::kExplained : Answer::kContradicted);
  }
}

// An update that was seen to wait for readers, and the prefault that was seen in its page, are
// where the tape says.
TEST(Recordings, HaveSightings) {
  TapeWriter tape;
  tape.Region(kMain, 1);
  tape.Put(kMain, TapeKind::kWatched, {kHva, kPageSize});
  TapeEvent& prefault = tape.PreFault(kOther, 1, 1);
  tape.Put(kMain, TapeKind::kSeenInPage, {kHva});
  prefault.end = tape.Now() + 1;

  const Recording recording = tape.Only();

  ASSERT_THAT(recording.sightings, SizeIs(1));
  EXPECT_EQ(recording.sightings[0].call, 1u);
  EXPECT_EQ(recording.sightings[0].phase, model::Phase::kReading);
}

// A long history keeps its end, and what made the slots that are there then.
TEST(Shorten, KeepsTheEndAndItsSlots) {
  TapeWriter tape;
  tape.Ioctl(kMain, kVm, KVM_SET_USER_MEMORY_REGION, {2, 0, 2 * kGpa, kPageSize, kHva + kGpa});
  for (int i = 0; i < 100; ++i) {
    tape.Region(kMain, 4);
    tape.PreFault(kMain, 4, 4);
    tape.Region(kMain, 0);
  }
  Recording recording = tape.Only();

  Shorten(recording, 11);

  EXPECT_THAT(recording.calls, SizeIs(13));  // with slot 2, and slot 1 as it was then
  EXPECT_EQ(recording.calls[0].op.slot, 2u);
  EXPECT_THAT(recording.unjudged, SizeIs(1));
  EXPECT_FALSE(recording.truncated);
  EXPECT_EQ(Judge(recording, {}).answer, Answer::kExplained);
}

// Where something was under way all the time it keeps the beginning.
TEST(Shorten, KeepsTheBeginningOtherwise) {
  TapeWriter tape;
  tape.Region(kMain, 4);
  TapeEvent& run = tape.Run(kOther, ExitKind::kDone);
  for (int i = 0; i < 100; ++i) tape.PreFault(kMain, 4, 4);
  run.end = tape.Now();
  Recording recording = tape.Only();

  Shorten(recording, 11);

  EXPECT_THAT(recording.calls, SizeIs(11));
  EXPECT_TRUE(recording.truncated);
  EXPECT_FALSE(recording.calls[1].returned);
}

}  // namespace
}  // namespace kct
