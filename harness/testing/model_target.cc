// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/model_target.h"

#include <cpuid.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/liveness/in_flight.h"

namespace kct {
namespace {

// Calls of the model last microseconds; the rest is for a machine that does other things as well.
constexpr Duration kBudget = 3s;
constexpr int kArchitecturalWidth = 52;

// CPUID leaf 0x80000008 holds the width of physical addresses in the low byte of EAX.
int HostAddressWidth() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  __get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx);
  return static_cast<int>(eax & 0xff);
}

}  // namespace

ModelTarget::ModelTarget(const model::Planted& planted) : planted_(planted) {
  SetHost(kvm_);
  SetDefaultBudget(kBudget);
}

void ModelTarget::BeginTest(const TestEntry& test) {
  model::Rules rules;
  rules.two_dimensional_paging = PagingMode(test.needs) != "shadow";
  const int width = rules.two_dimensional_paging ? HostAddressWidth() : kArchitecturalWidth;
  rules.first_gfn_beyond = uint64_t{1} << (width - 12);
  // A stock kernel has no private memory, and no kernel has what is proposed. Tests of them get a
  // kernel of their own.
  const auto needs = [&](Need need) {
    return std::find(test.needs.begin(), test.needs.end(), need) != test.needs.end();
  };
  rules.in_place_conversion = needs(Need::kInPlace);
  rules.fault_exits = needs(Need::kExitOnMissing) || needs(Need::kKvmUserfault);
  const bool has_private = needs(Need::kSwProtected) || rules.in_place_conversion;
  rules.lacks_attributes = !has_private;
  rules.supported_attributes = has_private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0;
  rules.planted = planted_;
  kvm_.PowerOn(rules);
}

std::string ListOfBugs() {
  std::string list;
  for (const model::PlantedBug& bug : model::AllPlantedBugs()) {
    list += fmt::format("{:<44} {:<12} {}\n", bug.name, bug.clause.text(), bug.description);
  }
  return list;
}

}  // namespace kct
