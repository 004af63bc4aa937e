// SPDX-License-Identifier: GPL-2.0-only
#include "tests/notifier/stage.h"

#include "harness/abi/host_memory.h"

namespace kct {
namespace {

constexpr std::size_t kMarks = Place::kMarks;
constexpr uint64_t kByGuest = 0x6e1, kByHost = 0x405;

}  // namespace

Result<std::unique_ptr<Stage>> Stage::Make(const SourceCase& item, Anchor anchor) {
  KCT_TRY(std::unique_ptr<Place> place, Place::Make(*item.source, item.page_size));
  KCT_TRY(Vm vm, Vm::Create());
  std::unique_ptr<Stage> stage(new Stage(item, std::move(place), std::move(vm)));
  const Bytes behind = anchor == Anchor::kBehind ? kPage : Bytes{0};
  if (behind.count > 0) {
    const CallRecord mapped = MapZeros(stage->anchor_hva(), behind);
    if (!mapped.ok()) return MakeError("{}", mapped.ToString());
  }
  KCT_TRY(GuestMachine machine, GuestMachine::Create(stage->vm_));
  stage->machine_.emplace(std::move(machine));
  KCT_TRY(GuestCpu cpu, stage->machine_->AddCpu());
  stage->cpu_.emplace(std::move(cpu));
  const MemoryRegionCall added =
      stage->vm_.SetUserMemoryRegion({.slot = 100,
                                      .guest_phys_addr = kGpa.value,
                                      .memory_size = (stage->place_->size() + behind).count,
                                      .userspace_addr = stage->place_->hva().value});
  if (!added.ok()) return MakeError("{}", added.Record().ToString());
  return stage;
}

Status Stage::LetTheGuestIn() {
  Program program;
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    program.Read64(Mark(mark)).Expect(place_->Old(mark));
  }
  KCT_TRY_STATUS(cpu_->Load(program));
  const GuestExit end = cpu_->Run();
  if (!end.done()) return MakeError("the guest's first look: {}", end.ToString());
  for (const guest::OpResult& result : cpu_->results()) {
    if (result.unexpected > 0) return MakeError("the first look saw {}", ToString(result));
  }
  return {};
}

std::string Stage::Complaint() {
  const auto read = [](Gpa gpa) { return Program().Read64(gpa); };
  const auto write = [](Gpa gpa) { return Program().Write64(gpa + Place::kGuest, kByGuest); };
  switch (source_->after) {
    case After::kNothing: {
      const std::string complaint = ComplaintOfFaults("read", read);
      return complaint.empty() ? ComplaintOfFaults("write", write) : complaint;
    }
    case After::kPoison:
      return ComplaintOfPoison();
    case After::kReadOnly: {
      const std::string complaint = ComplaintOfReads();
      return complaint.empty() ? ComplaintOfFaults("write", write) : complaint;
    }
    default: {
      const std::string complaint = ComplaintOfReads();
      return complaint.empty() ? ComplaintOfWrites() : complaint;
    }
  }
}

// Each access by itself, since the first that fails ends KVM_RUN.
std::string Stage::ComplaintOfFaults(const char* access, Program (*at)(Gpa)) {
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    if (const Status loaded = cpu_->Load(at(Mark(mark))); !loaded) return loaded.error().message;
    const GuestExit end = cpu_->Run();
    if (end.kind == ExitKind::kFailed && end.call.error == Errno(EFAULT)) continue;
    return fmt::format("a {} of mark {} was to fail with EFAULT: {}", access, mark, end.ToString());
  }
  return "";
}

std::string Stage::ComplaintOfPoison() {
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    const Status loaded = cpu_->Load(Program().Read64(Mark(mark)));
    if (!loaded) return loaded.error().message;
    SigbusCatcher& sigbus = place_->sigbus();
    sigbus.Forget();
    const GuestExit end = cpu_->Run();
    if (end.kind == ExitKind::kInterrupted && sigbus.code() == BUS_MCEERR_AR &&
        sigbus.address() == place_->Mark(mark)) {
      continue;
    }
    return fmt::format("a read of mark {} was to be a SIGBUS at {:#x}: {}, si_code {} at {:#x}",
                       mark, place_->Mark(mark).value, end.ToString(), sigbus.code(),
                       sigbus.address().value);
  }
  return "";
}

std::string Stage::ComplaintOfReads() {
  Program program;
  for (std::size_t mark = 0; mark < kMarks; ++mark) program.Read64(Mark(mark));
  if (const Status loaded = cpu_->Load(program); !loaded) return loaded.error().message;
  if (const GuestExit end = cpu_->Run(); !end.done()) {
    return fmt::format("a read of the marks: {}", end.ToString());
  }
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    const uint64_t seen = cpu_->result(mark).value;
    if (seen == place_->Final(mark)) continue;
    if (source_->after == After::kOldWordsOrZeros && seen == place_->Old(mark)) continue;
    return fmt::format(
        "the guest reads {:#x} at mark {}, where it was to find {:#x}; before it was {:#x}", seen,
        mark, place_->Final(mark), place_->Old(mark));
  }
  return "";
}

// Guest and host have the same page: each sees what the other writes from now on.
std::string Stage::ComplaintOfWrites() {
  Program program;
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    place_->HostWord(mark, Place::kHost) = kByHost + place_->round();
    program.Write64(Mark(mark) + Place::kGuest, kByGuest + place_->round());
    program.Read64(Mark(mark) + Place::kHost);
  }
  if (const Status loaded = cpu_->Load(program); !loaded) return loaded.error().message;
  if (const GuestExit end = cpu_->Run(); !end.done()) {
    return fmt::format("a write beside the marks: {}", end.ToString());
  }
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    const uint64_t by_guest = place_->HostWord(mark, Place::kGuest);
    const uint64_t by_host = cpu_->result(2 * mark + 1).value;
    if (by_guest != kByGuest + place_->round()) {
      return fmt::format("the host finds {:#x} at mark {} after the guest wrote {:#x}", by_guest,
                         mark, kByGuest + place_->round());
    }
    if (by_host != kByHost + place_->round()) {
      return fmt::format("the guest finds {:#x} at mark {} after the host wrote {:#x}", by_host,
                         mark, kByHost + place_->round());
    }
  }
  return "";
}

}  // namespace kct
