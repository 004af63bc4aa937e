// SPDX-License-Identifier: GPL-2.0-only
// Objects: which file descriptor was which VM, vCPU or guest_memfd when, going by the calls that
// made them; and the calls of each VM.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "harness/base/tape.h"
#include "harness/guest/program_log.h"

namespace kct {

// An event, and the thread that it is of.
struct Taped {
  const TapeEvent* event;
  uint32_t thread;  // index into TapeContents::threads
};

enum class ObjectKind : uint8_t { kVm, kVcpu, kGuestMemfd };

struct Object {
  ObjectKind kind;
  uint32_t vm;          // number of the VM
  int32_t number;       // of the vCPU or the file, in its VM
  uint64_t created_at;  // TSC
};

struct VmEvents {
  uint64_t created_at = 0;
  unsigned long type = 0;
  int vcpus = 0;
  int files = 0;
  struct Call {
    Taped taped;
    Object on;
    int32_t file = -1;  // KVM_SET_USER_MEMORY_REGION2: number of the file it names
  };
  std::vector<Call> calls;  // by begin
  struct Program {
    int32_t vcpu;
    const ProgramRun* run;
  };
  std::vector<Program> programs;  // in the order of loading
  // What was done to a guest_memfd other than by ioctls; to a mapping of it, too.
  struct FileEvent {
    Taped taped;
    int32_t file;
    uint64_t offset = 0;  // of an event about memory
  };
  std::vector<FileEvent> file_events;  // by begin
};

// All events, by begin.
std::vector<Taped> EventsOf(const TapeContents& tape);
std::vector<VmEvents> VmsOf(std::span<const Taped> events, std::span<const ProgramRun> programs);

}  // namespace kct
