// SPDX-License-Identifier: GPL-2.0-only
#include "harness/record/recordings.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "harness/record/accesses.h"
#include "harness/record/calls.h"
#include "harness/record/files.h"
#include "harness/record/host_news.h"
#include "harness/record/memory.h"
#include "harness/record/objects.h"

namespace kct {
namespace {

using model::Kind;
using model::kPageBytes;

// Pages of one drop that are told apart. Of more nobody knows afterwards what is in them.
constexpr std::size_t kMostPagesOfADrop = 6;

bool IsUpdate(const RecordedCall& call) { return call.op.kind == Kind::kSetRegion; }

// A call that did something, or may have.
bool Happened(const RecordedCall& call) { return !call.refused; }

bool IsUnderWayAt(const RecordedCall& call, uint64_t time) {
  return call.begin <= time && (!call.returned || call.end >= time);
}

bool Overlap(const RecordedCall& a, const RecordedCall& b) {
  return (!b.returned || a.begin <= b.end) && (!a.returned || b.begin <= a.end);
}

// The history of one VM, while it is put together. Times are the tape's until the end.
class Assembly {
 public:
  Assembly(const TapeContents& tape, const HostNews& news, const VmEvents& vm)
      : tape_(tape), news_(news), vm_(vm), files_(vm), cut_(tape.ends_at) {}

  // All that can be told of the calls alone: where slots were.
  void AddCalls() {
    if (vm_.type != 0) Cut(vm_.created_at, "a VM of another type than the default");
    if (vm_.vcpus > static_cast<int>(model::kMostVcpus)) {
      Cut(vm_.created_at, "more vCPUs than the model has");
    }
    std::size_t files_made = 0;
    for (const VmEvents::Call& call : vm_.calls) {
      Translated translated = Translate(call, news_.first_signal());
      if (translated.what == Translated::What::kUnknown) {
        Cut(call.taped.event->begin, translated.why);
      }
      if (translated.what != Translated::What::kCall) continue;
      translated.call.lane = LaneOf(call.taped.thread);
      if (translated.call.op.kind == Kind::kCreateGuestMemfd && ++files_made > model::kMostFiles) {
        Cut(call.taped.event->begin, "more files than the model has");
        continue;
      }
      if (IsUpdate(translated.call)) memory_.AddPlacement(translated.call.op);
      Add(translated.call, call.taped.thread);
    }
  }

  const WrittenMemory& memory() const { return memory_; }
  void ShareMemoryWith(const Assembly& other) {
    for (const Placement& place : other.memory_.placements()) {
      memory_.ForgetHost({place.host, place.guest.size}, 0);
    }
  }

  Recording Finish(const model::Rules& rules) {
    const GuestAccesses accesses = AccessesOf(vm_);
    ForgetUnknownWriters(accesses);
    for (const RecordedCall& access : accesses.calls) AddAccess(access);
    AddHostMemory();
    AddFiles();
    AddDroppedRoots();
    for (RecordedCall& call : calls_) JudgeLessWhereLessIsKnown(call, accesses);
    return Sorted(rules);
  }

 private:
  static constexpr uint32_t kNoThread = UINT32_MAX;

  void Add(const RecordedCall& call, uint32_t thread) {
    calls_.push_back(call);
    threads_.push_back(thread);
  }

  void Cut(uint64_t time, std::string why) {
    notes_.push_back(std::move(why));
    if (time >= cut_) return;
    cut_ = time;
    is_cut_ = true;
  }

  uint32_t LaneNamed(const std::string& name) {
    const auto found = std::find(lanes_.begin(), lanes_.end(), name);
    const auto lane = static_cast<uint32_t>(found - lanes_.begin());
    if (found == lanes_.end()) lanes_.push_back(name);
    return lane;
  }
  uint32_t LaneOf(uint32_t thread) { return LaneNamed(tape_.threads[thread].name); }

  // --- memory -----------------------------------------------------------------------------------

  void ForgetUnknownWriters(const GuestAccesses& accesses) {
    memory_.ForgetAll(accesses.anything_from);
    for (const GuestAccesses::Write& write : accesses.unknown_writes) {
      memory_.ForgetGuest(write.guest, write.from);
    }
    for (const Taped& taped : news_.memory()) {
      const TapeEvent& event = *taped.event;
      const bool changed = event.kind == TapeKind::kMemoryChanged ||
                           event.kind == TapeKind::kUnmapped || event.kind == TapeKind::kPoisoned ||
                           event.kind == TapeKind::kMemoryLent;
      const bool dropped = event.kind == TapeKind::kDrop &&
                           PagesInTheStory(RangeOf(event)).size() > kMostPagesOfADrop;
      if (changed || dropped) memory_.ForgetHost(RangeOf(event), event.begin);
    }
  }

  // Pages of the host whose words may be known.
  std::vector<uint64_t> PagesInTheStory(const MemoryRange& host) {
    if (!story_pages_) story_pages_ = StoryPages();
    std::vector<uint64_t> pages;
    for (uint64_t page : *story_pages_) {
      if (host.Overlaps({page, kPageBytes})) pages.push_back(page);
    }
    return pages;
  }

  std::set<uint64_t> StoryPages() const {
    std::set<uint64_t> pages(news_.stored_pages().begin(), news_.stored_pages().end());
    for (const VmEvents::Program& program : vm_.programs) {
      for (const guest::Op& op : program.run->ops) {
        const MemoryRange guest{op.gpa, std::max<uint64_t>(op.size, 1)};
        for (const Placement& place : memory_.placements()) {
          if (!place.guest.Overlaps(guest)) continue;
          const MemoryRange host = Behind(place, guest);
          for (uint64_t offset = 0; offset < host.size; offset += kPageBytes) {
            pages.insert((host.start + offset) / kPageBytes * kPageBytes);
          }
        }
      }
    }
    return pages;
  }

  void AddAccess(RecordedCall access) {
    access.lane = LaneNamed(fmt::format("guest {}", access.op.vcpu));
    if (access.op.size != 0 && !memory_.Knows(access.op.address, access.end)) access.op.size = 0;
    Add(access, kNoThread);
  }

  void AddFiles() {
    for (const FileStory::Call& one : files_.calls()) {
      if (one.call.op.gmem >= static_cast<int32_t>(model::kMostFiles)) continue;
      RecordedCall call = one.call;
      call.lane = LaneOf(one.thread);
      Add(call, one.thread);
    }
  }

  void AddDroppedRoots() {
    for (const Taped& taped : news_.roots_dropped()) {
      if (taped.event->returned && taped.event->ret < 0) continue;
      Add({.lane = LaneOf(taped.thread),
           .op = {.kind = Kind::kDropRoots},
           .begin = taped.event->begin,
           .end = taped.event->end,
           .returned = taped.event->returned},
          taped.thread);
    }
  }

  void AddHostMemory() {
    for (const Taped& taped : news_.memory()) {
      const TapeEvent& event = *taped.event;
      const MemoryRange host = RangeOf(event);
      if (event.kind != TapeKind::kStore && event.kind != TapeKind::kDrop) continue;
      if (event.returned && event.ret < 0) continue;
      if (!memory_.IsShown(host) || !memory_.KnowsHost(host, event.begin)) continue;
      RecordedCall call{.lane = LaneOf(taped.thread),
                        .begin = event.begin,
                        .end = event.end,
                        .returned = event.returned};
      if (event.kind == TapeKind::kStore) {
        call.op = {.kind = Kind::kWriteHost, .address = host.start, .value = event.before[1]};
        Add(call, taped.thread);
        continue;
      }
      // The kernel drops one page after the other.
      for (uint64_t page : PagesInTheStory(host)) {
        call.op = {.kind = Kind::kDropHost, .address = page, .size = kPageBytes};
        Add(call, taped.thread);
      }
    }
  }

  // --- what is not judged -----------------------------------------------------------------------

  void JudgeLessWhereLessIsKnown(RecordedCall& call, const GuestAccesses& accesses) const {
    switch (call.op.kind) {
      case Kind::kPreFault:
        call.op.may_fault = MayFault(call);
        if (MayMissItsFile(call)) call.any_answer = true;
        return;
      case Kind::kAccess:
        // What KVM itself can't reach is MMIO.
        call.op.may_fault = call.op.emulated && call.seen.mmio && MayFault(call);
        return;
      case Kind::kRun:
        call.op.may_fault =
            call.seen.error == Errno(EFAULT) && (MayFault(call) || files_.AnyIsClosed(call.end));
        if (call.seen.error == Errno(EHWPOISON)) call.any_answer = files_.AnyIsPoisoned(call.end);
        return;
      case Kind::kSetRegion:
        // A vCPU that waits for a page keeps it waiting as well; of that the model knows nothing.
        if (!call.returned && RunsStill() && MayFault(call)) call.any_answer = true;
        return;
      case Kind::kGetDirtyLog:
        if (!AllAccessesAreKnown(call.op.slot, accesses) || RunsMeetUpdates())
          call.any_answer = true;
        return;
      default:
        return;
    }
  }

  // Whether nobody knows what became of a file behind the range.
  bool MayMissItsFile(const RecordedCall& prefault) const {
    const std::vector<int32_t> files = memory_.FilesBehind({prefault.op.address, prefault.op.size});
    return std::any_of(files.begin(), files.end(), [&](int32_t file) {
      return file == kUnknownFile || files_.MayBeGone(file, prefault.end);
    });
  }

  // Whether the host's memory may be what keeps a call from its end, or fails it.
  bool MayFault(const RecordedCall& call) const {
    return std::any_of(
        memory_.placements().begin(), memory_.placements().end(), [&](const Placement& place) {
          MemoryRange host{place.host, place.guest.size};
          if (call.op.kind == Kind::kPreFault || call.op.kind == Kind::kAccess) {
            const MemoryRange guest{call.op.address, std::max<uint64_t>(call.op.size, 1)};
            if (!place.guest.Overlaps(guest)) return false;
            host = Behind(place, guest);
          }
          return call.returned ? news_.HasChanged(host, call.end) : news_.IsMissing(host);
        });
  }

  bool MayTouch(const RecordedCall& prefault, const MemoryRange& host) const {
    const MemoryRange guest{prefault.op.address, prefault.op.size};
    return std::any_of(memory_.placements().begin(), memory_.placements().end(),
                       [&](const Placement& place) {
                         return place.guest.Overlaps(guest) && Behind(place, guest).Overlaps(host);
                       });
  }

  bool RunsStill() const {
    return std::any_of(calls_.begin(), calls_.end(), [](const RecordedCall& call) {
      return call.op.kind == Kind::kRun && !call.returned;
    });
  }

  // Whether the story has all that the guests did to the slot.
  bool AllAccessesAreKnown(uint32_t slot, const GuestAccesses& accesses) const {
    if (accesses.anything_from != UINT64_MAX) return false;
    std::vector<MemoryRange> unknown = accesses.unknown_reads;
    for (const GuestAccesses::Write& write : accesses.unknown_writes) {
      if (!write.in_calls) unknown.push_back(write.guest);
    }
    return std::none_of(calls_.begin(), calls_.end(), [&](const RecordedCall& update) {
      if (!IsUpdate(update) || update.op.slot != slot) return false;
      const MemoryRange place{update.op.address, update.op.size};
      return std::any_of(unknown.begin(), unknown.end(),
                         [&](const MemoryRange& range) { return range.Overlaps(place); });
    });
  }

  // A guest's write that a fault has made possible is logged before it happens, and again if the
  // log was read in between.
  bool RunsMeetUpdates() const {
    return std::any_of(calls_.begin(), calls_.end(), [&](const RecordedCall& run) {
      if (run.op.kind != Kind::kRun) return false;
      return std::any_of(calls_.begin(), calls_.end(), [&](const RecordedCall& other) {
        return (IsUpdate(other) || other.op.kind == Kind::kGetDirtyLog) && Overlap(run, other);
      });
    });
  }

  // --- the whole --------------------------------------------------------------------------------

  Recording Sorted(const model::Rules& rules) {
    Recording recording;
    recording.rules = rules;
    recording.rules.planted = {};
    recording.unjudged = notes_;
    recording.truncated = is_cut_ || tape_.full;
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < calls_.size(); ++i) {
      if (calls_[i].begin <= cut_) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return calls_[a].begin < calls_[b].begin; });
    const uint64_t old = AgeOfTheOldest() / 2;
    for (uint32_t index : order) {
      RecordedCall call = calls_[index];
      if (call.end > cut_) call.returned = false;
      // Not all that has not returned hangs: somebody else does.
      if (!call.returned && cut_ - call.begin < old) call.any_answer = true;
      if (!call.returned) call.end = 0;
      recording.calls.push_back(call);
    }
    recording.lanes = lanes_;
    AddSightings(order, recording);
    DropUnusedLanes(recording);
    Rebase(recording);
    return recording;
  }

  // Of the calls that have not returned, other than guests', which may run for ever.
  uint64_t AgeOfTheOldest() const {
    uint64_t age = 0;
    for (const RecordedCall& call : calls_) {
      if (!call.returned && call.op.kind != Kind::kRun && call.begin <= cut_) {
        age = std::max(age, cut_ - call.begin);
      }
    }
    return age;
  }

  void AddSightings(const std::vector<uint32_t>& order, Recording& recording) const {
    for (const Taped& taped : news_.sightings()) {
      const TapeEvent& event = *taped.event;
      if (event.kind == TapeKind::kSeenInPage) {
        AddSighting(InPage(event, recording), event.begin, model::Phase::kReading, recording);
      }
      if (event.kind == TapeKind::kSeenWaiting) {
        AddSighting(Updating(event, order, recording), event.before[1], model::Phase::kInvalidated,
                    recording);
      }
    }
  }

  void AddSighting(std::optional<uint32_t> call, uint64_t time, model::Phase phase,
                   Recording& recording) const {
    if (call && time <= cut_) recording.sightings.push_back({*call, time, phase});
  }

  // The prefault that waits for a page: the only call under way that may.
  std::optional<uint32_t> InPage(const TapeEvent& event, const Recording& recording) const {
    std::optional<uint32_t> found;
    const MemoryRange page{event.before[0], kPageBytes};
    for (uint32_t i = 0; i < recording.calls.size(); ++i) {
      const RecordedCall& call = recording.calls[i];
      if (!Happened(call) || !IsUnderWayAt(call, event.begin)) continue;
      if (call.op.kind == Kind::kRun) return std::nullopt;
      if (call.op.kind != Kind::kPreFault || !MayTouch(call, page)) continue;
      if (found) return std::nullopt;
      found = i;
    }
    return found;
  }

  // The update of that thread, if it has not returned by then.
  std::optional<uint32_t> Updating(const TapeEvent& event, const std::vector<uint32_t>& order,
                                   const Recording& recording) const {
    for (uint32_t i = 0; i < recording.calls.size(); ++i) {
      const uint32_t thread = threads_[order[i]];
      if (thread == kNoThread || !IsUpdate(recording.calls[i]) || !Happened(recording.calls[i])) {
        continue;
      }
      if (static_cast<uint64_t>(tape_.threads[thread].tid) == event.before[0] &&
          IsUnderWayAt(recording.calls[i], event.before[1])) {
        return i;
      }
    }
    return std::nullopt;
  }

  static void DropUnusedLanes(Recording& recording) {
    std::vector<std::string> used;
    std::vector<uint32_t> place(recording.lanes.size(), UINT32_MAX);
    for (RecordedCall& call : recording.calls) {
      if (place[call.lane] == UINT32_MAX) {
        place[call.lane] = static_cast<uint32_t>(used.size());
        used.push_back(recording.lanes[call.lane]);
      }
      call.lane = place[call.lane];
    }
    recording.lanes = std::move(used);
  }

  void Rebase(Recording& recording) const {
    for (RecordedCall& call : recording.calls) {
      call.begin -= std::min(call.begin, vm_.created_at);
      call.end -= std::min(call.end, vm_.created_at);
    }
    for (Sighting& sighting : recording.sightings) sighting.time -= vm_.created_at;
  }

  const TapeContents& tape_;
  const HostNews& news_;
  const VmEvents& vm_;
  const FileStory files_;
  uint64_t cut_;
  bool is_cut_ = false;
  std::vector<std::string> notes_;
  std::vector<std::string> lanes_;
  std::vector<RecordedCall> calls_;
  std::vector<uint32_t> threads_;  // of each call
  WrittenMemory memory_;
  std::optional<std::set<uint64_t>> story_pages_;
};

}  // namespace

std::vector<Recording> RecordingsOf(const TapeContents& tape, std::span<const ProgramRun> programs,
                                    const model::Rules& rules) {
  const std::vector<Taped> events = EventsOf(tape);
  const std::vector<VmEvents> vms = VmsOf(events, programs);
  std::vector<Assembly> assemblies;
  const HostNews news(events);
  assemblies.reserve(vms.size());
  for (const VmEvents& vm : vms) assemblies.emplace_back(tape, news, vm).AddCalls();
  // What guests of other VMs write is nobody's call here.
  for (Assembly& one : assemblies) {
    for (const Assembly& other : assemblies) {
      if (&one != &other) one.ShareMemoryWith(other);
    }
  }
  std::vector<Recording> recordings;
  for (Assembly& assembly : assemblies) recordings.push_back(assembly.Finish(rules));
  std::erase_if(recordings, [](const Recording& one) { return one.calls.empty(); });
  return recordings;
}

}  // namespace kct
