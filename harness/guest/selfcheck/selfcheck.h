// SPDX-License-Identifier: GPL-2.0-only
// The self-check of the guest payloads: every operation for real, on a KVM that is trusted for now.
//
// A check is a claim about the payload and the harness, not about KVM's ABI.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "harness/guest/machine.h"

namespace kct::selfcheck {

// What a check asks of whoever runs the guest: where guests are imitated (docs/design/model.md)
// there is no machine code but the interpreter's, and no page tables.
enum class Wants { kPrograms, kCpu };

struct Check {
  std::string_view claim;
  Status (*run)();
  Wants wants = Wants::kPrograms;
};

std::span<const Check> MemoryChecks();
std::span<const Check> RunningChecks();
std::span<const Check> ExitChecks();

// A VM with a slot to play with and one vCPU.
struct Scene {
  static Result<std::unique_ptr<Scene>> Create();

  Gpa gpa() const { return slot.gpa(); }
  // The word of host memory behind the slot at `offset`.
  volatile uint64_t& Word(Bytes offset) { return slot.memory().At<uint64_t>(offset); }
  // Loads and runs a program that is to end by itself.
  Status RunToEnd(const Program& program);

  std::unique_ptr<Vm> vm;  // on the heap: the machine refers to it
  GuestMachine machine;
  Memslot slot;  // 4 GiB, 2 MiB of it
  GuestCpu cpu;
};

Status Same(std::string_view what, uint64_t actual, uint64_t expected);
Status IsOk(const guest::OpResult& result);
Status Ended(const GuestExit& guest_exit, ExitKind expected);

}  // namespace kct::selfcheck
