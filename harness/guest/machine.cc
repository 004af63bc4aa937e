// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/machine.h"

#include <cstring>

#include "guest/abi.h"
#include "harness/guest/image.h"

namespace kct {
namespace {

constexpr GpaRange kOwnRange{{guest::kTablesGpa}, {guest::kEndGpa - guest::kTablesGpa}};

char* At(const Memslot& slot, uint64_t gpa) {
  return static_cast<char*>(slot.memory().data()) + (gpa - guest::kTablesGpa);
}

}  // namespace

GuestMachine::GuestMachine(Vm& vm, std::unique_ptr<Memslot> slot)
    : vm_(vm),
      slot_(std::move(slot)),
      identity_map_(std::make_unique<IdentityMap>(slot_->memory())) {}

Result<GuestMachine> GuestMachine::Create(Vm& vm) {
  KCT_TRY(Memslot slot, vm.AddMemslot({.gpa = kOwnRange.start, .size = kOwnRange.size}));
  GuestMachine machine(vm, std::make_unique<Memslot>(std::move(slot)));
  const auto image = InterpreterImage();
  KCT_CHECK(image.size() <= guest::kImageSize);
  std::memcpy(At(machine.slot(), guest::kImageGpa), image.data(), image.size());
  WriteDescriptorTables(machine.slot().memory());
  KCT_TRY_STATUS(machine.MapIdentity({{0}, 8_GiB}));
  return machine;
}

Result<GuestCpu> GuestMachine::AddCpu() {
  if (cpus_ == guest::kMaxCpus) {
    return MakeError("a guest has at most {} vCPUs", guest::kMaxCpus);
  }
  KCT_TRY(Vcpu vcpu, vm_.AddVcpu());
  const int id = cpus_++;
  auto* area = reinterpret_cast<guest::CpuArea*>(At(slot(), guest::CpuAreaGpa(id)));
  GuestCpu cpu(std::move(vcpu), area, id);
  KCT_TRY_STATUS(cpu.Load(Program()));
  return cpu;
}

}  // namespace kct
