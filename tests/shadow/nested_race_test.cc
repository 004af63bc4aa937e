// SPDX-License-Identifier: GPL-2.0-only
// An inner guest runs while slots and the host's memory change under it: its data, and the tables
// by which its hypervisor translates.
#include <atomic>
#include <thread>

#include "harness/abi/host_memory.h"
#include "harness/race/actor.h"
#include "harness/race/page_anchor.h"
#include "harness/race/race.h"
#include "harness/testing/looker.h"
#include "harness/testing/run_beside.h"
#include "tests/shadow/nested_stage.h"

namespace kct {
namespace {

using testing::AnyOf;

class ShadowNestedSlots : public RaceTest<Need::kTdp, Need::kCpu, Need::kNestedSvm> {};
class ShadowNestedMemory
    : public RaceTest<Need::kTdp, Need::kCpu, Need::kNestedSvm, Need::kUffdProtect> {};
class ShadowNestedAnchored
    : public RaceTest<Need::kTdp, Need::kCpu, Need::kNestedSvm, Need::kUffdProtect, Need::kRoot> {};

constexpr uint64_t kPages = 3;  // that the window shows

// --- slots ---------------------------------------------------------------------------------------

// Two vCPUs, each with an inner guest of the same tables, that look at kPages of a slot of their
// own.
class Lookers {
 public:
  static Result<Lookers> Make(uint32_t flags = 0) {
    KCT_TRY(NestedStage made, NestedStage::Make());
    auto stage = std::make_unique<NestedStage>(std::move(made));
    KCT_TRY(GuestCpu second, stage->machine.AddCpu());
    KCT_TRY(Memslot data, stage->AddData(kPages, flags));
    for (uint64_t page = 0; page < kPages; ++page) {
      data.memory().Word(Pages(page)) = Looker::kMemory;
    }
    return Lookers(std::move(stage), std::move(second), std::move(data));
  }

  NestedStage& stage() { return *stage_; }
  Memslot& data() { return data_; }

  // Both look while `change` is made, which `restore` takes back.
  void Race(std::string_view name, std::function<CallRecord()> change,
            std::function<CallRecord()> restore) {
    ASSERT_OK(stage_->LoadInner(stage_->cpu, Looker::Look({kWindow, Pages(kPages)})));
    ASSERT_OK(stage_->LoadInner(second_, Looker::Look({kWindow, Pages(kPages)})));
    Looker first(stage_->cpu), second(second_);
    Update update(std::move(change));
    kct::Race race(Seed(), {.meetings = 15});
    race.Actor("run", [&] { return first.RunUntil(update.over()); });
    race.Actor("change", [&] { return update.Make(); });
    race.Actor("other run", [&] { return second.RunUntil(update.over()); });
    race.AfterRound([&] {
      update.Again();
      return restore();
    });
    ASSERT_OK_AND_ASSIGN(const History history, race.Run());
    ASSERT_MET(std::string(name), history);

    EXPECT_THAT(history, EveryCall("run", Succeeds()));
    EXPECT_THAT(history, EveryCall("other run", Succeeds()));
    EXPECT_THAT(history, EveryCall("change", Succeeds()));
    for (const Looker* looker : {&first, &second}) {
      ExpectUndisturbed(*looker);
      kinds_.insert(looker->kinds().begin(), looker->kinds().end());
    }
    ExpectMemory();
  }
  // Of all exits.
  const std::set<ExitKind>& kinds() const { return kinds_; }

 private:
  Lookers(std::unique_ptr<NestedStage> stage, GuestCpu second, Memslot data)
      : stage_(std::move(stage)), second_(std::move(second)), data_(std::move(data)) {}

  // After all of it an access finds the slot again.
  void ExpectMemory() {
    Program look;
    ASSERT_OK(stage_->LoadReader(look.Touch({kWindow, Pages(kPages)}).Expect(Looker::kMemory)));
    EXPECT_THAT(stage_->cpu.Run(), IsDone());
    EXPECT_EQ(stage_->cpu.result(0).unexpected, 0u);
  }

  std::unique_ptr<NestedStage> stage_;
  GuestCpu second_;
  Memslot data_;
  std::set<ExitKind> kinds_;
};

// The slot that the inner guests' memory is in is deleted and comes back.
KCT_TEST(ShadowNestedSlots, ADeleteOfTheDataNeverFailsARun, "SHADOW-21", "SHADOW-19") {
  ASSERT_OK_AND_ASSIGN(Lookers lookers, Lookers::Make());
  lookers.Race(
      "inner guests against delete", [&] { return lookers.data().Delete(); },
      [&] { return lookers.data().Restore(); });
}

// It moves away and comes back.
KCT_TEST(ShadowNestedSlots, AMoveOfTheDataNeverFailsARun, "SHADOW-21", "SHADOW-19") {
  ASSERT_OK_AND_ASSIGN(Lookers lookers, Lookers::Make());
  lookers.Race(
      "inner guests against move", [&] { return lookers.data().MoveTo(3_GiB_gpa); },
      [&] { return lookers.data().MoveTo(kElsewhere); });
}

// Its dirty logging goes on and off, which no inner guest notices.
KCT_TEST(ShadowNestedSlots, DirtyLoggingOfTheDataIsNeverSeen, "SHADOW-21", "SHADOW-22") {
  ASSERT_OK_AND_ASSIGN(Lookers lookers, Lookers::Make());
  lookers.Race(
      "inner guests against dirty logging",
      [&] { return lookers.data().SetFlags(KVM_MEM_LOG_DIRTY_PAGES); },
      [&] { return lookers.data().SetFlags(0); });
  EXPECT_THAT(lookers.kinds(), testing::ElementsAre(ExitKind::kIo));
}

// A slot can't become read-only (api.rst 4.35); one that is goes, and comes back writable.
KCT_TEST(ShadowNestedSlots, AReadOnlySlotInItsPlaceNeverFailsARun, "SHADOW-21") {
  ASSERT_OK_AND_ASSIGN(Lookers lookers, Lookers::Make());
  const auto replace = [&](uint32_t flags) -> CallRecord {
    if (const MemoryRegionCall gone = lookers.data().Delete(); !gone.ok()) return gone;
    return lookers.data().SetFlags(flags);
  };
  lookers.Race(
      "inner guests against read-only", [&] { return replace(KVM_MEM_READONLY); },
      [&] { return replace(0); });
}

// The slot with the hypervisor's directory is deleted and comes back: meanwhile accesses are nested
// page faults of the hypervisor, which tries again.
KCT_TEST(ShadowNestedSlots, ADeleteOfTheTablesNeverFailsARun, "SHADOW-21", "SHADOW-20") {
  ASSERT_OK_AND_ASSIGN(Lookers lookers, Lookers::Make());
  ASSERT_OK_AND_ASSIGN(Memslot tables,
                       lookers.stage().vm.AddMemslot({.gpa = 4_GiB_gpa, .size = kPage}));
  tables.memory().Word({0}) = EntryOf(kTable);
  lookers.stage().Write(kNestedPointers, kInnerWindow.value >> 30,
                        tables.gpa().value | kEntryFlags);
  lookers.Race(
      "inner guests against delete of their tables", [&] { return tables.Delete(); },
      [&] { return tables.Restore(); });
  EXPECT_THAT(lookers.kinds(), testing::ElementsAre(ExitKind::kIo));
}

// Its dirty logging goes on and off.
KCT_TEST(ShadowNestedSlots, DirtyLoggingOfTheTablesIsNeverSeen, "SHADOW-21") {
  ASSERT_OK_AND_ASSIGN(Lookers lookers, Lookers::Make());
  lookers.Race(
      "inner guests against dirty logging of their tables",
      [&] { return lookers.stage().slot.SetFlags(KVM_MEM_LOG_DIRTY_PAGES); },
      [&] { return lookers.stage().slot.SetFlags(0); });
  EXPECT_THAT(lookers.kinds(), testing::ElementsAre(ExitKind::kIo));
}

// The host changes an entry and drops what KVM has made of it, with another slot: nothing is read
// that neither entry leads to, and after a flush nothing by the old one.
KCT_TEST(ShadowNestedSlots, AnEntryOfTheHostCountsOnceShadowPagesAreGone, "SHADOW-13",
         "SHADOW-10") {
  ASSERT_OK_AND_ASSIGN(NestedStage stage, NestedStage::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot other,
                       stage.vm.AddMemslot({.gpa = kElsewhere, .size = kPage}));
  // Walks with a flush each up to the first stop, in the race; one after a flush up to the second.
  Program program;
  program.LoopStart().LoopStart();
  NestedStage::Flush(program.Read64(kWindow).ExpectOneOf(MarkOf(kData), MarkOf(kOtherData)));
  NestedStage::Flush(program.Repeat(8).Out(kStop, 0)).Read64(kWindow);
  const std::size_t after = program.last();
  ASSERT_OK(stage.LoadReader(program.Out(kStop, 0).RepeatUntilFlag()));
  uint64_t round = 0;
  std::string complaint;

  Race race(Seed(), {.meetings = 30});
  race.Actor("walk", [&] { return stage.cpu.Run().call.Record(); });
  race.Actor("write", [&] {
    const bool of_table = round / 2 % 2 == 0, back = round % 2 != 0;
    stage.Write(
        of_table ? kTable : kDirectory, kTheEntry,
        of_table ? EntryOf(back ? kData : kOtherData) : EntryOf(back ? kTable : kOtherTable));
    return other.Delete().Record();
  });
  race.AfterRound([&]() -> CallRecord {
    const RunCall call = stage.cpu.Run().call;
    const uint64_t wanted = MarkOf(round % 2 != 0 ? kData : kOtherData);
    if (const uint64_t found = stage.cpu.result(after).value; found != wanted) {
      complaint = fmt::format("round {}: {:#x} after a flush, not {:#x}", round, found, wanted);
    }
    ++round;
    return call.ok() ? other.Restore().Record() : call.Record();
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  EXPECT_EQ(complaint, "");
  EXPECT_EQ(stage.cpu.result(0).unexpected, 0u) << stage.cpu.result(0).unexpected_value;
  ASSERT_MET("inner guest against the host's entries", history);
  EXPECT_THAT(history, EveryCall("walk", Succeeds()));
  EXPECT_THAT(history, EveryCall("write", Succeeds()));
}

// --- the host's memory ---------------------------------------------------------------------------

// Two inner guests that read and count in kPages, and a thread that answers the userfaults of their
// memory: each page comes as it was when it was saved.
class WatchedGuests {
 public:
  static constexpr Bytes kCounter{8};  // of the first vCPU; that of the second follows

  static Result<std::unique_ptr<WatchedGuests>> Make() {
    KCT_TRY(NestedStage made, NestedStage::Make());
    auto stage = std::make_unique<NestedStage>(std::move(made));
    KCT_TRY(GuestCpu second, stage->machine.AddCpu());
    KCT_TRY(Memslot data, stage->AddData(kPages));
    KCT_TRY(Mapping source, Mapping::Anonymous(Pages(kPages)));
    for (uint64_t page = 0; page < kPages; ++page) source.Word(Pages(page)) = MarkOf(page);
    KCT_TRY(Userfaultfd uffd, Userfaultfd::Register(data.hva(), data.size(), OnFault::kWait,
                                                    FaultKind::kMissing | FaultKind::kProtected));
    auto guests = std::unique_ptr<WatchedGuests>(new WatchedGuests(
        std::move(stage), std::move(second), std::move(data), std::move(source), std::move(uffd)));
    for (GuestCpu* cpu : {&guests->stage_->cpu, &guests->second_}) {
      KCT_TRY_STATUS(guests->stage_->LoadInner(*cpu, Life(cpu->id())));
    }
    guests->pager_ = std::thread([raw = guests.get()] { raw->AnswerFaults(); });
    return guests;
  }
  ~WatchedGuests() {
    over_ = true;
    if (pager_.joinable()) pager_.join();
  }

  NestedStage& stage() { return *stage_; }
  const Memslot& data() const { return data_; }
  Userfaultfd& uffd() { return uffd_; }
  uint32_t answered() const { return answered_; }

  // Both live while `change` is made.
  Result<History> Race(std::function<CallRecord()> change) {
    Looker first(stage_->cpu), second(second_);
    Update update(std::move(change));
    kct::Race race(Seed(), {.meetings = 20});
    race.Actor("run", [&] { return first.RunUntil(update.over()); });
    race.Actor("change", [&] { return update.Make(); });
    race.Actor("other run", [&] { return second.RunUntil(update.over()); });
    race.AfterRound([&] {
      update.Again();
      return CallRecord{};
    });
    return race.Run();
  }

  // Every read found the mark of its page.
  void ExpectMarks() const {
    for (const GuestCpu* cpu : {&std::as_const(stage_->cpu), &second_}) {
      for (std::size_t page = 0; page < kPages; ++page) {
        const guest::OpResult read = cpu->result(2 * page);
        EXPECT_EQ(read.unexpected, 0u) << "page " << page << ": " << read.unexpected_value;
        EXPECT_GT(read.count, 0u);
      }
    }
  }
  // Every write is there.
  void ExpectCounts() const {
    for (const GuestCpu* cpu : {&std::as_const(stage_->cpu), &second_}) {
      for (std::size_t page = 0; page < kPages; ++page) {
        EXPECT_EQ(data_.memory().Word(Pages(page) + CounterOf(cpu->id())),
                  cpu->result(2 * page + 1).count)
            << "vCPU " << cpu->id() << ", page " << page;
      }
    }
  }

 private:
  WatchedGuests(std::unique_ptr<NestedStage> stage, GuestCpu second, Memslot data, Mapping source,
                Userfaultfd uffd)
      : stage_(std::move(stage)),
        second_(std::move(second)),
        data_(std::move(data)),
        source_(std::move(source)),
        uffd_(std::move(uffd)) {}

  static Bytes CounterOf(int vcpu) { return kCounter * static_cast<uint64_t>(vcpu + 1); }

  static Program Life(int vcpu) {
    Program program;
    program.LoopStart();
    for (uint64_t page = 0; page < kPages; ++page) {
      program.Read64(kWindow + Pages(page)).Expect(MarkOf(page));
      program.AtomicAdd(kWindow + Pages(page) + CounterOf(vcpu), 1);
    }
    return program.Out(kStop, 0).RepeatUntilFlag();
  }

  void AnswerFaults() {
    while (!over_) {
      const std::optional<PageFault> fault = uffd_.NextFault(Clock::now() + 20ms);
      if (!fault) continue;
      ++answered_;
      if (fault->kind == FaultKind::kProtected) {
        uffd_.Unprotect(fault->page, kPage);
      } else {
        uffd_.Copy(fault->page, source_.hva() + (fault->page - data_.hva()), kPage);
      }
    }
  }

  std::unique_ptr<NestedStage> stage_;
  GuestCpu second_;
  Memslot data_;
  Mapping source_;
  Userfaultfd uffd_;
  std::atomic<bool> over_{false};
  std::atomic<uint32_t> answered_{0};
  std::thread pager_;
};

// Pages that the host drops come again from the userfaultfd: neither inner guest ever sees anything
// but a page's own mark, zeros least of all.
KCT_TEST(ShadowNestedMemory, DroppedPagesComeAgain, "SHADOW-23") {
  ASSERT_OK_AND_ASSIGN(const auto guests, WatchedGuests::Make());
  ASSERT_OK_AND_ASSIGN(const History history, guests->Race([&] {
    return DropPages(guests->data().hva(), guests->data().size());
  }));
  ASSERT_MET("inner guests against MADV_DONTNEED", history);
  ASSERT_REACHED(guests->answered() > kPages, "an access to a page that was dropped");

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_THAT(history, EveryCall("other run", Succeeds()));
  guests->ExpectMarks();
}

// Writes to pages that are protected wait until they are not, and none is lost.
KCT_TEST(ShadowNestedMemory, WritesToProtectedPagesAreNotLost, "SHADOW-23") {
  ASSERT_OK_AND_ASSIGN(const auto guests, WatchedGuests::Make());
  ASSERT_OK_AND_ASSIGN(const History history, guests->Race([&] {
    return guests->uffd().Protect(guests->data().hva(), guests->data().size());
  }));
  ASSERT_MET("inner guests against write protection", history);
  ASSERT_REACHED(guests->answered() > kPages, "a write to a page that was protected");

  EXPECT_THAT(history, EveryCall("run", Succeeds()));
  EXPECT_THAT(history, EveryCall("other run", Succeeds()));
  guests->ExpectMarks();
  guests->ExpectCounts();
}

// --- parked --------------------------------------------------------------------------------------

// An inner guest that waits for the only page of a slot of its own, which is `data`.
struct ParkedGuest {
  NestedStage stage;
  Memslot data;

  static Result<ParkedGuest> Make(const Program& program) {
    KCT_TRY(NestedStage stage, NestedStage::Make());
    KCT_TRY(Memslot data, stage.AddData(1));
    const CallRecord dropped = DropPages(data.hva(), kPage);
    if (!dropped.ok()) return MakeError("{}", dropped.ToString());
    KCT_TRY_STATUS(stage.LoadReader(program));
    return ParkedGuest{std::move(stage), std::move(data)};
  }
};

// The slot of the page that the inner guest waits for is deleted: the delete waits for it, and its
// access finds the page, or turns into MMIO.
KCT_TEST(ShadowNestedAnchored, ADeleteWaitsForTheInnerGuest, "SHADOW-21", "SHADOW-19") {
  ASSERT_OK_AND_ASSIGN(ParkedGuest guest, ParkedGuest::Make(Program().Read64(kWindow)));
  RunBeside run(guest.stage.cpu);
  Actor remove("delete");
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(guest.data.hva()));
  run.Start();
  ASSERT_REACHED(anchor.WaitReached(), "the inner guest waits for its page");

  remove.Start([&] { return guest.data.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn("synchronize_srcu"), "the delete waits for the vCPU");
  ReportAnchoredMeeting("a delete waits while an inner guest is parked in a page of the slot");
  ASSERT_OK(anchor.Release());

  EXPECT_THAT(remove.Finish(), Succeeds());
  const GuestExit guest_exit = run.Finish();
  EXPECT_THAT(guest_exit, AnyOf(IsDone(), IsMmioRead(kElsewhere)));
  if (guest_exit.done()) {
    EXPECT_EQ(guest.stage.cpu.result(0).value, 0u);
  }
}

// The slot of the tables that it has come by is deleted: its access finds the page, or is a nested
// page fault of the hypervisor, and finds the page once the slot is back.
KCT_TEST(ShadowNestedAnchored, ADeleteOfTheTablesWaitsForTheInnerGuest, "SHADOW-21", "SHADOW-20") {
  ASSERT_OK_AND_ASSIGN(ParkedGuest guest, ParkedGuest::Make(Program().Read64(kWindow)));
  NestedStage& stage = guest.stage;
  ASSERT_OK_AND_ASSIGN(const Memslot tables,
                       stage.vm.AddMemslot({.gpa = 4_GiB_gpa, .size = kPage}));
  tables.memory().Word({0}) = EntryOf(kTable);
  stage.Write(kNestedPointers, kInnerWindow.value >> 30, tables.gpa().value | kEntryFlags);
  RunBeside run(stage.cpu);
  Actor remove("delete");
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(guest.data.hva()));
  run.Start();
  ASSERT_REACHED(anchor.WaitReached(), "the inner guest waits for its page");

  remove.Start([&] { return tables.Delete(); });
  ASSERT_REACHED(remove.WaitBlockedIn("synchronize_srcu"), "the delete waits for the vCPU");
  ReportAnchoredMeeting("a delete of the tables waits while an inner guest is parked in a page");
  ASSERT_OK(anchor.Release());

  EXPECT_THAT(remove.Finish(), Succeeds());
  GuestExit guest_exit = run.Finish();
  EXPECT_THAT(guest_exit, AnyOf(IsDone(), IsOut(guest::kHypervisorPort)));
  ASSERT_THAT(tables.Restore(), Succeeds());
  if (!guest_exit.done()) guest_exit = stage.cpu.Run();
  EXPECT_THAT(guest_exit, IsDone());
  EXPECT_EQ(stage.cpu.result(0).value, 0u);
}

// Two inner guests wait for one page: both go on when it comes, with what came.
KCT_TEST(ShadowNestedAnchored, OneCopyLetsBothInnerGuestsGoOn, "SHADOW-23") {
  ASSERT_OK_AND_ASSIGN(ParkedGuest guest, ParkedGuest::Make(Program().Read64(kWindow)));
  ASSERT_OK_AND_ASSIGN(GuestCpu other, guest.stage.machine.AddCpu());
  ASSERT_OK(guest.stage.LoadInner(other, Program().Read64(kWindow)));
  ASSERT_OK_AND_ASSIGN(Mapping source, Mapping::Anonymous(kPage));
  source.Word({0}) = MarkOf(kSource);
  RunBeside run(guest.stage.cpu), other_run(other);
  ASSERT_OK_AND_ASSIGN(Userfaultfd uffd,
                       Userfaultfd::Register(guest.data.hva(), kPage, OnFault::kWait));
  run.Start();
  other_run.Start();
  const PageFault missing{guest.data.hva(), FaultKind::kMissing};
  for (int waiting = 0; waiting < 2; ++waiting) {
    ASSERT_EQ(uffd.NextFault(Clock::now() + PageAnchor::kPatience), missing);
  }

  ASSERT_THAT(uffd.Copy(guest.data.hva(), source.hva(), kPage), Succeeds());
  ReportAnchoredMeeting("a page came for which two inner guests waited");

  EXPECT_THAT(run.Finish(), IsDone());
  EXPECT_THAT(other_run.Finish(), IsDone());
  EXPECT_EQ(guest.stage.cpu.result(0).value, MarkOf(kSource));
  EXPECT_EQ(other.result(0).value, MarkOf(kSource));
}

// A write waits, for its page is protected, while another vCPU of the hypervisor lets the entry
// lead elsewhere: it takes place once, here or there.
KCT_TEST(ShadowNestedAnchored, AWriteThatWaitsTakesPlaceOnce, "SHADOW-23", "SHADOW-01") {
  ASSERT_OK_AND_ASSIGN(ParkedGuest guest, ParkedGuest::Make(Program().AtomicAdd(kWindow, 1)));
  NestedStage& stage = guest.stage;
  guest.data.memory().Word({0}) = 10;
  stage.Word(kOtherData) = 20;
  ASSERT_OK_AND_ASSIGN(GuestCpu writer, stage.machine.AddCpu());
  ASSERT_OK(writer.Load(Program().Write64(EntryAt(kTable), EntryOf(kOtherData))));
  RunBeside run(stage.cpu);
  ASSERT_OK_AND_ASSIGN(
      Userfaultfd uffd,
      Userfaultfd::Register(guest.data.hva(), kPage, OnFault::kWait, FaultKind::kProtected));
  ASSERT_THAT(uffd.Protect(guest.data.hva(), kPage), Succeeds());
  run.Start();
  ASSERT_REACHED(uffd.NextFault(Clock::now() + PageAnchor::kPatience).has_value(),
                 "the inner guest waits to write");

  ASSERT_THAT(writer.Run(), IsDone());
  ReportAnchoredMeeting("an entry changed while a write by it waited for its page");
  ASSERT_THAT(uffd.Unprotect(guest.data.hva(), kPage), Succeeds());

  EXPECT_THAT(run.Finish(), IsDone());
  const uint64_t here = guest.data.memory().Word({0}), there = stage.Word(kOtherData);
  EXPECT_EQ(here + there, 31u) << here << " and " << there;
  EXPECT_EQ(stage.cpu.result(0).value, here == 11 ? 10u : 20u);
}

}  // namespace
}  // namespace kct
