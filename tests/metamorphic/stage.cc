// SPDX-License-Identifier: GPL-2.0-only
#include "tests/metamorphic/stage.h"

#include <fcntl.h>

#include <algorithm>
#include <thread>

#include "harness/abi/host_memory.h"
#include "harness/guest/machine.h"
#include "harness/liveness/in_flight.h"

namespace kct {
namespace {

using Kind = HostAction::Kind;

constexpr uint32_t kFirstSlot = 10;
// A guest that has gone astray leaves for ever.
constexpr std::size_t kMostExits = 2000;
// For all that a vCPU has to do between two exits, its turns and the other's.
constexpr Duration kRunBudget = 20s;

Status Check(const CallRecord& call) {
  if (call.ok()) return {};
  return MakeError("{}", call.ToString());
}

// The memory of a scenario, and the slots that show it to the guest.
class Stage {
 public:
  static Result<Stage> Build(const Scenario& scenario, const Setting& setting, Vm& vm) {
    Stage stage(setting, vm);
    KCT_TRY_STATUS(stage.MakeMemory());
    stage.CutSlots(scenario);
    KCT_TRY_STATUS(stage.SetSlots(kScenarioPlaces[0]));
    return stage;
  }

  Status Do(const HostAction& action);
  // Prefaults what is there, with `vcpu`. The number of ranges.
  Result<uint64_t> PrefaultAll(const Vcpu& vcpu) const;
  uint64_t log_starts() const { return log_starts_; }
  std::map<uint64_t, PageWords> Contents() const;

 private:
  Stage(const Setting& setting, Vm& vm) : setting_(setting), vm_(&vm) {}

  Status MakeMemory();
  void CutSlots(const Scenario& scenario);
  Status Set(const kvm_userspace_memory_region2& slot) const;
  Status SetSlots(Gpa place);
  Status DeleteSlots();
  Status Log(uint32_t flags);
  Status ReadLog() const;
  Status Drop(uint64_t page) const;
  Status Remap(uint64_t page, uint64_t count) const;
  Hva HvaOf(uint64_t page) const { return memory_.hva() + Pages(page); }
  bool IsGuestMemfd() const { return setting_.backing == Backing::kGuestMemfd; }

  Setting setting_;
  Vm* vm_;
  UniqueFd gmem_;
  Mapping memory_;
  std::vector<kvm_userspace_memory_region2> slots_;  // as they are, or were before their delete
  bool there_ = false;
  uint64_t log_starts_ = 0;
};

Status Stage::MakeMemory() {
  if (IsGuestMemfd()) {
    const auto created =
        vm_->CreateGuestMemfd(kScenarioSize, GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
    KCT_TRY_STATUS(Check(created.Record()));
    gmem_ = UniqueFd(created.ret);
    KCT_TRY(memory_, Mapping::OfFile(gmem_.get(), kScenarioSize));
    return {};
  }
  KCT_TRY(memory_, Mapping::Anonymous(kScenarioSize));
  if (setting_.backing == Backing::kSmallPages) {
    return Check(Madvise(memory_.hva(), kScenarioSize, MADV_NOHUGEPAGE, "madvise NOHUGEPAGE"));
  }
  KCT_TRY_STATUS(Check(Madvise(memory_.hva(), kScenarioSize, MADV_HUGEPAGE, "madvise HUGEPAGE")));
  // The first touch of each decides what it is made of.
  for (Bytes at; at < kScenarioSize; at = at + kHugePage) memory_.At<uint64_t>(at) = 0;
  return {};
}

void Stage::CutSlots(const Scenario& scenario) {
  std::vector<uint64_t> cuts{0, kScenarioPages};
  if (setting_.layout == Layout::kTwoSlots) cuts.insert(cuts.begin() + 1, scenario.split);
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    kvm_userspace_memory_region2 slot{.slot = kFirstSlot + static_cast<uint32_t>(i),
                                      .memory_size = Pages(cuts[i + 1] - cuts[i]).count,
                                      .userspace_addr = HvaOf(cuts[i]).value};
    if (IsGuestMemfd()) {
      slot.flags = KVM_MEM_GUEST_MEMFD;
      slot.guest_memfd = static_cast<uint32_t>(gmem_.get());
      slot.guest_memfd_offset = Pages(cuts[i]).count;
    }
    slots_.push_back(slot);
  }
}

Status Stage::Set(const kvm_userspace_memory_region2& slot) const {
  if (IsGuestMemfd()) return Check(vm_->SetUserMemoryRegion2(slot).Record());
  return Check(vm_->SetUserMemoryRegion({.slot = slot.slot,
                                         .flags = slot.flags,
                                         .guest_phys_addr = slot.guest_phys_addr,
                                         .memory_size = slot.memory_size,
                                         .userspace_addr = slot.userspace_addr})
                   .Record());
}

// Creates or moves them.
Status Stage::SetSlots(Gpa place) {
  for (kvm_userspace_memory_region2& slot : slots_) {
    slot.guest_phys_addr = (place + (Hva{slot.userspace_addr} - memory_.hva())).value;
    KCT_TRY_STATUS(Set(slot));
  }
  there_ = true;
  return {};
}

Status Stage::DeleteSlots() {
  for (kvm_userspace_memory_region2& slot : slots_) {
    slot.flags &= ~KVM_MEM_LOG_DIRTY_PAGES;
    kvm_userspace_memory_region2 none = slot;
    none.memory_size = 0;
    KCT_TRY_STATUS(Set(none));
  }
  there_ = false;
  return {};
}

Status Stage::Log(uint32_t flags) {
  if (IsGuestMemfd() || setting_.dirty_log == DirtyLog::kNever) return {};
  for (kvm_userspace_memory_region2& slot : slots_) {
    slot.flags = flags;
    KCT_TRY_STATUS(Set(slot));
  }
  log_starts_ += flags != 0 ? 1 : 0;
  return {};
}

Status Stage::ReadLog() const {
  for (const kvm_userspace_memory_region2& slot : slots_) {
    if ((slot.flags & KVM_MEM_LOG_DIRTY_PAGES) == 0) continue;
    std::array<uint64_t, kScenarioPages / 64> bitmap{};
    KCT_TRY_STATUS(Check(vm_->GetDirtyLog(slot.slot, bitmap.data()).Record()));
  }
  return {};
}

Status Stage::Drop(uint64_t page) const {
  if (!IsGuestMemfd()) return Check(DropPages(HvaOf(page), kPage));
  const int failed = fallocate(gmem_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               static_cast<off_t>(Pages(page).count), kPage.count);
  if (failed == 0) return {};
  return MakeError("fallocate PUNCH_HOLE of page {}: {}", page, LastErrno().Explain());
}

Status Stage::Remap(uint64_t page, uint64_t count) const {
  KCT_TRY_STATUS(Check(Protect(HvaOf(page), Pages(count), PROT_NONE)));
  return Check(Protect(HvaOf(page), Pages(count), PROT_READ | PROT_WRITE));
}

Status Stage::Do(const HostAction& action) {
  switch (action.kind) {
    case Kind::kPaint:
      for (uint64_t i = 0; i < kPage / Bytes{8}; ++i) {
        memory_.At<uint64_t>(Pages(action.page) + Bytes{8 * i}) = PaintedWord(action.value, i);
      }
      return {};
    case Kind::kDrop:
      return Drop(action.page);
    case Kind::kRemap:
      return Remap(action.page, action.count);
    case Kind::kCreate:
      return SetSlots(action.place);
    case Kind::kDelete:
      return DeleteSlots();
    case Kind::kMove:
      if (IsGuestMemfd()) KCT_TRY_STATUS(DeleteSlots());
      return SetSlots(action.place);
    case Kind::kStartLog:
      return Log(KVM_MEM_LOG_DIRTY_PAGES);
    case Kind::kStopLog:
      return Log(0);
    case Kind::kReadLog:
      return ReadLog();
  }
  return MakeError("{}: not an action", action.ToString());
}

Result<uint64_t> Stage::PrefaultAll(const Vcpu& vcpu) const {
  if (!there_) return uint64_t{0};
  for (const kvm_userspace_memory_region2& slot : slots_) {
    KCT_TRY_STATUS(Check(vcpu.PreFaultAll({{slot.guest_phys_addr}, {slot.memory_size}}).Record()));
  }
  return slots_.size();
}

std::map<uint64_t, PageWords> Stage::Contents() const {
  std::map<uint64_t, PageWords> contents;
  for (uint64_t page = 0; page < kScenarioPages; ++page) {
    PageWords words;
    for (uint64_t i = 0; i < words.size(); ++i) {
      words[i] = memory_.At<uint64_t>(Pages(page) + Bytes{8 * i});
    }
    if (std::any_of(words.begin(), words.end(), [](uint64_t word) { return word != 0; })) {
      contents.emplace(page, words);
    }
  }
  return contents;
}

// Runs what is loaded, with the answers of the scenario to its exits. All exits but the last one of
// a program that came to its end.
std::vector<GuestExit> Run(const Scenario& scenario, GuestCpu& cpu) {
  using Then = VcpuRunner::Then;
  const ScopedBudget budget(kRunBudget);
  std::vector<GuestExit> exits;
  const GuestExit last = cpu.RunUntilDone([&](const GuestExit& guest_exit) {
    const uint64_t answer = AnswerToExit(scenario, exits.size());
    if (exits.size() == kMostExits) return Then::kStop;
    if (guest_exit.kind == ExitKind::kMmio) {
      if (guest_exit.mmio.direction == Direction::kRead) cpu.AnswerMmio(answer);
    } else if (guest_exit.kind == ExitKind::kIo) {
      if (guest_exit.io.direction == Direction::kRead) {
        cpu.AnswerIo(static_cast<uint32_t>(answer));
      }
    } else {
      return Then::kStop;
    }
    exits.push_back(guest_exit);
    return Then::kRunOn;
  });
  if (!last.done()) exits.push_back(last);
  return exits;
}

// Both vCPUs run the programs of an episode, at the same time if both have one.
Result<std::vector<ViewLine>> PlayGuests(const Scenario& scenario, const Episode& episode,
                                         std::vector<GuestCpu>& cpus) {
  std::array<std::vector<GuestExit>, kScenarioCpus> exits;
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    KCT_TRY_STATUS(cpus[i].Load(episode.programs[i]));
  }
  const auto run = [&](std::size_t i) {
    exits[i] = Run(scenario, cpus[i]);
    // One that did not come to its end must not keep the other waiting for its turn.
    const auto results = cpus[i].results();
    const bool all_ran = std::all_of(results.begin(), results.end(), [](const auto& result) {
      return result.status != guest::OpStatus::kNotRun;
    });
    if (!all_ran) cpus[1 - i].RaiseFlag();
  };
  std::thread second([&] {
    NameThisThread("vCPU 1");
    run(1);
  });
  run(0);
  second.join();
  std::vector<ViewLine> lines;
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    const std::vector<ViewLine> more =
        LinesOf(static_cast<int>(i), exits[i], episode.programs[i], cpus[i].results());
    lines.insert(lines.end(), more.begin(), more.end());
  }
  return lines;
}

}  // namespace

Result<Performance> Perform(const Scenario& scenario, const Setting& setting) {
  KCT_TRY(Vm vm, Vm::Create());
  if (setting.zap_all == ZapAllQuirk::kOff) KCT_TRY_STATUS(vm.DisableZapAllQuirk());
  KCT_TRY(GuestMachine machine, GuestMachine::Create(vm));
  std::vector<GuestCpu> cpus;
  for (int i = 0; i < kScenarioCpus; ++i) {
    KCT_TRY(GuestCpu cpu, machine.AddCpu());
    cpus.push_back(std::move(cpu));
  }
  KCT_TRY(Stage stage, Stage::Build(scenario, setting, vm));
  Performance performance;
  for (const Episode& episode : scenario.episodes) {
    for (const HostAction& action : episode.before) KCT_TRY_STATUS(stage.Do(action));
    if (setting.prefault == Prefault::kBeforeEachEpisode) {
      KCT_TRY(const uint64_t prefaults, stage.PrefaultAll(cpus[0].vcpu()));
      performance.evidence.prefaults += prefaults;
    }
    KCT_TRY(std::vector<ViewLine> lines, PlayGuests(scenario, episode, cpus));
    performance.view.episodes.push_back(std::move(lines));
    KCT_TRY(const uint64_t huge, vm.Statistic("pages_2m"));
    performance.evidence.huge_mappings = std::max(performance.evidence.huge_mappings, huge);
  }
  performance.view.memory = stage.Contents();
  performance.evidence.log_starts = stage.log_starts();
  return performance;
}

}  // namespace kct
