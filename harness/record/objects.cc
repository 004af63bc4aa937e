// SPDX-License-Identifier: GPL-2.0-only
#include "harness/record/objects.h"

#include <algorithm>

#include "harness/abi/uapi.h"

namespace kct {
namespace {

class ObjectTable {
 public:
  // What `fd` was at that time: an fd is used again once it was closed.
  std::optional<Object> At(int fd, uint64_t time) const {
    const auto found = objects_.find(fd);
    if (found == objects_.end()) return std::nullopt;
    std::optional<Object> last;
    for (const Lifetime& life : found->second) {
      if (life.object.created_at > time) continue;
      last.reset();
      if (time <= life.closed_at) last = life.object;
    }
    return last;
  }
  void Add(int fd, const Object& object) { objects_[fd].push_back({object}); }
  // A close that began before the object was made was one of something else, by another thread.
  void Close(int fd, uint64_t begin, uint64_t end) {
    const auto found = objects_.find(fd);
    if (found == objects_.end()) return;
    Lifetime& last = found->second.back();
    if (last.object.created_at <= begin) last.closed_at = end;
  }

 private:
  struct Lifetime {
    Object object;
    uint64_t closed_at = UINT64_MAX;
  };
  std::map<int, std::vector<Lifetime>> objects_;
};

// Where files are mapped, while the events are gone through.
class FileMappings {
 public:
  void Add(const TapeEvent& event, const Object& file) {
    areas_.push_back({event.before[0], event.before[1], file});
  }
  // Adds what an event about memory says about the file that is mapped there.
  void Note(const Taped& taped, std::vector<VmEvents>& vms) {
    const TapeEvent& event = *taped.event;
    for (auto area = areas_.rbegin(); area != areas_.rend(); ++area) {
      if (event.before[0] - area->start >= area->size) continue;
      vms[area->file.vm].file_events.push_back(
          {taped, area->file.number, event.before[0] - area->start});
      if (event.kind == TapeKind::kUnmapped) areas_.erase(std::next(area).base());
      return;
    }
  }

 private:
  struct Area {
    uint64_t start;
    uint64_t size;
    Object file;
  };
  std::vector<Area> areas_;
};

bool Made(const TapeEvent& event) { return event.returned && event.ret >= 0; }

void NoteNewObject(const TapeEvent& event, const Object& on, std::vector<VmEvents>& vms,
                   ObjectTable& table) {
  if (!Made(event)) return;
  VmEvents& vm = vms[on.vm];
  if (event.request == KVM_CREATE_VCPU) {
    table.Add(event.ret, {ObjectKind::kVcpu, on.vm, vm.vcpus++, event.end});
  }
  if (event.request == KVM_CREATE_GUEST_MEMFD) {
    table.Add(event.ret, {ObjectKind::kGuestMemfd, on.vm, vm.files++, event.end});
  }
}

// Events that are about files, and no ioctls.
void NoteFileEvent(const Taped& taped, ObjectTable& table, FileMappings& mappings,
                   std::vector<VmEvents>& vms) {
  const TapeEvent& event = *taped.event;
  switch (event.kind) {
    case TapeKind::kFileMapped:
    case TapeKind::kFallocate:
    case TapeKind::kClosed: {
      const std::optional<Object> on = table.At(event.fd, event.begin);
      if (event.kind == TapeKind::kClosed && event.returned)
        table.Close(event.fd, event.begin, event.end);
      if (!on || on->kind != ObjectKind::kGuestMemfd) return;
      vms[on->vm].file_events.push_back({taped, on->number});
      if (event.kind == TapeKind::kFileMapped) mappings.Add(event, *on);
      return;
    }
    case TapeKind::kUnmapped:
    case TapeKind::kPoisoned:
      return mappings.Note(taped, vms);
    default:
      return;
  }
}

}  // namespace

std::vector<Taped> EventsOf(const TapeContents& tape) {
  std::vector<Taped> events;
  for (uint32_t thread = 0; thread < tape.threads.size(); ++thread) {
    for (const TapeEvent& event : tape.threads[thread].events) events.push_back({&event, thread});
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const Taped& a, const Taped& b) { return a.event->begin < b.event->begin; });
  return events;
}

std::vector<VmEvents> VmsOf(std::span<const Taped> events, std::span<const ProgramRun> programs) {
  std::vector<VmEvents> vms;
  ObjectTable table;
  FileMappings mappings;
  for (const Taped& taped : events) {
    const TapeEvent& event = *taped.event;
    if (event.kind != TapeKind::kIoctl) {
      NoteFileEvent(taped, table, mappings, vms);
      continue;
    }
    if (event.request == KVM_CREATE_VM && Made(event)) {
      const auto number = static_cast<uint32_t>(vms.size());
      table.Add(event.ret, {ObjectKind::kVm, number, 0, event.end});
      vms.push_back({.created_at = event.begin, .type = event.before[0]});
      continue;
    }
    const std::optional<Object> on = table.At(event.fd, event.begin);
    if (!on) continue;
    VmEvents::Call call{taped, *on};
    if (event.request == KVM_SET_USER_MEMORY_REGION2) {
      const auto file = table.At(static_cast<int>(event.before[5]), event.begin);
      if (file && file->kind == ObjectKind::kGuestMemfd && file->vm == on->vm) {
        call.file = file->number;
      }
    }
    vms[on->vm].calls.push_back(call);
    NoteNewObject(event, *on, vms, table);
  }
  for (const ProgramRun& run : programs) {
    const std::optional<Object> on = table.At(run.vcpu_fd, run.loaded);
    if (on && on->kind == ObjectKind::kVcpu) vms[on->vm].programs.push_back({on->number, &run});
  }
  return vms;
}

}  // namespace kct
