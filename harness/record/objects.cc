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
    for (const Object& object : found->second) {
      if (object.created_at <= time) last = object;
    }
    return last;
  }
  void Add(int fd, const Object& object) { objects_[fd].push_back(object); }

 private:
  std::map<int, std::vector<Object>> objects_;
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
  for (const Taped& taped : events) {
    const TapeEvent& event = *taped.event;
    if (event.kind != TapeKind::kIoctl) continue;
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
