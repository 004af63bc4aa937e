// SPDX-License-Identifier: GPL-2.0-only
// The count of shadow pages that hold tables, as it leaves 0 and comes back to it, while KVM
// emulates a store to an entry: a store that finds 0 looks for no shadow page.
//
// What software emulation can show of it: with a thread for each CPU, QEMU leaves the order of a
// store and a later load to the machine that it runs on, which is x86: a missing barrier can show.
// With one thread (--emulation single) memory is sequentially consistent, and the test shows only
// that the steps are in the right order.
#include <array>

#include "harness/race/race.h"
#include "harness/testing/forced_emulation.h"
#include "tests/shadow/nested_stage.h"

namespace kct {
namespace {

class ShadowLitmus : public RaceTest<Need::kShadow, Need::kCpu, Need::kRoot> {};
class ShadowLitmusNested : public RaceTest<Need::kTdp, Need::kCpu, Need::kRoot, Need::kNestedSvm> {
};

// A vCPU without paging, which has no tables that KVM could shadow. Each entry makes one store of 4
// bytes to an address, which KVM has to emulate, and leaves.
class FlatWriter : public VcpuRunner {
 public:
  enum class By { kMove, kLockedExchange };

  static Result<FlatWriter> Make(const Stage& stage, By by) {
    KCT_TRY(Vcpu vcpu, stage.vm.AddVcpu());
    KCT_TRY(const kvm_sregs sregs, vcpu.GetSregs());
    KCT_TRY_STATUS(vcpu.SetSregs(FlatSregs(sregs, 0)));
    constexpr std::array<uint8_t, 11> kMove{
        0x0f, 0x0b,  'k', 'v', 'm',  // ud2, and KVM's sign: emulate what follows
        0x89, 0x07,                  // mov [edi], eax
        0xe6, kStop,                 // out kStop, al
        0xeb, 0xfe,                  // once is enough
    };
    constexpr std::array<uint8_t, 14> kExchange{
        0x0f, 0x0b,  'k',  'v',  'm',  //
        0xf0, 0x0f,  0xb1, 0x0f,       // lock cmpxchg [edi], ecx
        0xe6, kStop, 0xeb, 0xfe,
    };
    by == By::kMove ? WriteCode(stage, kCode, kMove) : WriteCode(stage, kCode, kExchange);
    return FlatWriter(std::move(vcpu), by);
  }

  // The next run stores `to` at `at`, where there is `from`.
  Status Aim(Gpa at, uint64_t from, uint64_t to) {
    KCT_TRY_STATUS(DropPendingExit());
    kvm_regs regs = {};
    regs.rip = PageAt(kCode).value;
    regs.rflags = 1 << 1;
    regs.rdi = at.value;
    regs.rax = by_ == By::kMove ? to : from;
    regs.rcx = to;
    return vcpu().SetRegs(regs);
  }

 private:
  FlatWriter(Vcpu vcpu, By by) : VcpuRunner(std::move(vcpu)), by_(by) {}
  By by_;
};

// What a store met, by what KVM counted.
struct Met {
  uint32_t no_shadow_page = 0;
  uint32_t shadow_pages = 0;
  uint32_t walk_by_old = 0;
  uint32_t walk_by_new = 0;
};

enum class Edge { kFirst, kLast };  // shadow page: begins in the round, ends in it

template <typename S>
class Litmus {
 public:
  static Result<Litmus> Make(Edge edge, FlatWriter::By by) {
    KCT_TRY(S stage, S::Make());
    KCT_TRY(FlatWriter writer, FlatWriter::Make(stage, by));
    KCT_TRY(Memslot other, stage.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = kPage}));
    return Litmus(std::move(stage), std::move(writer), std::move(other), edge);
  }

  // One side of a round: the walk that makes the first shadow pages, or the end of all of them.
  CallRecord Turn() {
    return edge_ == Edge::kFirst ? stage_.cpu.Run().call.Record() : other_.Delete().Record();
  }
  CallRecord Write() { return writer_.Run().call.Record(); }

  Status Prepare() {
    if (edge_ == Edge::kFirst) {
      for (const MemoryRegionCall& call : {other_.Delete(), other_.Restore()}) {
        if (!call.ok()) return MakeError("{}", call.Record().ToString());
      }
      KCT_TRY_STATUS(stage_.LoadReader(Program().Read64(kWindow)));
    }
    counted_ = stage_.Count("mmu_pte_write");
    return writer_.Aim(EntryAt(kDirectory), EntryOf(back_ ? kOtherTable : kTable),
                       EntryOf(back_ ? kTable : kOtherTable));
  }

  // An error is a finding, too.
  Status Judge() {
    if (stage_.EntryNow(kDirectory) != EntryOf(back_ ? kTable : kOtherTable)) {
      return MakeError("the store did not arrive: {:#x}", stage_.EntryNow(kDirectory));
    }
    ++(stage_.Count("mmu_pte_write") == counted_ ? met_.no_shadow_page : met_.shadow_pages);
    const uint64_t old_mark = MarkOf(back_ ? kOtherData : kData);
    const uint64_t new_mark = MarkOf(back_ ? kData : kOtherData);
    if (edge_ == Edge::kFirst) {
      const uint64_t walked = stage_.cpu.result(0).value;
      if (walked != old_mark && walked != new_mark) return MakeError("a walk read {:#x}", walked);
      ++(walked == new_mark ? met_.walk_by_new : met_.walk_by_old);
    } else if (const MemoryRegionCall call = other_.Restore(); !call.ok()) {
      return MakeError("{}", call.Record().ToString());
    }
    Program look;
    KCT_TRY_STATUS(stage_.LoadReader(S::Flush(look).Read64(kWindow)));
    const GuestExit guest_exit = stage_.cpu.Run();
    if (!guest_exit.done()) return MakeError("the walker: {}", guest_exit.ToString());
    const uint64_t after = stage_.cpu.result(1).value;
    if (after != new_mark) {
      return MakeError("after a flush the walker read {:#x}, not {:#x}", after, new_mark);
    }
    back_ = !back_;
    return {};
  }

  const Met& met() const { return met_; }

 private:
  Litmus(S stage, FlatWriter writer, Memslot other, Edge edge)
      : stage_(std::move(stage)),
        writer_(std::move(writer)),
        other_(std::move(other)),
        edge_(edge) {}

  S stage_;
  FlatWriter writer_;
  Memslot other_;
  Edge edge_;
  bool back_ = false;  // every other round brings the old entry back
  uint64_t counted_ = 0;
  Met met_;
};

template <typename S>
void Play(Edge edge, FlatWriter::By by, std::string_view name) {
  const ForcedEmulation forced;
  ASSERT_OK(forced.Begin());
  ASSERT_OK_AND_ASSIGN(Litmus<S> litmus, Litmus<S>::Make(edge, by));
  ASSERT_OK(litmus.Prepare());
  Status judged;
  Race race(Seed(), {.meetings = 20});
  race.Actor(edge == Edge::kFirst ? "walk" : "drop", [&] { return litmus.Turn(); });
  race.Actor("write", [&] { return litmus.Write(); });
  race.AfterRound([&] {
    if (judged.ok()) judged = litmus.Judge();
    if (judged.ok()) judged = litmus.Prepare();
    return CallRecord{};
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  EXPECT_TRUE(judged.ok()) << judged.error().message;
  const Met& met = litmus.met();
  Note(
      fmt::format("stores that met shadow pages: {}, none: {}; walks by the old entry: {}, by the "
                  "new one: {}",
                  met.shadow_pages, met.no_shadow_page, met.walk_by_old, met.walk_by_new));
  ASSERT_MET(std::string(name), history);
  // Only a race in which both were seen has been at the edge.
  ASSERT_REACHED(met.shadow_pages > 0 && met.no_shadow_page > 0,
                 "stores on both sides of the first shadow page");
}

// A store that meets the first shadow page of a VM is either found by the walk that makes it, or
// finds that page.
KCT_TEST(ShadowLitmus, AStoreMeetsTheFirstShadowPage, "SHADOW-02", "SHADOW-01") {
  Play<Stage>(Edge::kFirst, FlatWriter::By::kMove, "first walk against store");
}

// So is an atomic one.
KCT_TEST(ShadowLitmus, AnExchangeMeetsTheFirstShadowPage, "SHADOW-02", "SHADOW-01") {
  Play<Stage>(Edge::kFirst, FlatWriter::By::kLockedExchange, "first walk against exchange");
}

// A store that meets the end of the last shadow page leaves no stale translation.
KCT_TEST(ShadowLitmus, AStoreMeetsTheEndOfTheLastShadowPage, "SHADOW-03", "SHADOW-01") {
  Play<Stage>(Edge::kLast, FlatWriter::By::kMove, "end of shadow pages against store");
}

// A hypervisor's store that meets the first shadow page, which its guest makes, is not lost.
KCT_TEST(ShadowLitmusNested, AStoreMeetsTheFirstShadowPage, "SHADOW-02", "SHADOW-01") {
  Play<NestedStage>(Edge::kFirst, FlatWriter::By::kMove, "first nested walk against store");
}

// Nor is an atomic one.
KCT_TEST(ShadowLitmusNested, AnExchangeMeetsTheFirstShadowPage, "SHADOW-02", "SHADOW-01") {
  Play<NestedStage>(Edge::kFirst, FlatWriter::By::kLockedExchange,
                    "first nested walk against exchange");
}

// Nor is one that meets the end of the last.
KCT_TEST(ShadowLitmusNested, AStoreMeetsTheEndOfTheLastShadowPage, "SHADOW-03", "SHADOW-01") {
  Play<NestedStage>(Edge::kLast, FlatWriter::By::kMove, "end of nested shadow pages against store");
}

}  // namespace
}  // namespace kct
