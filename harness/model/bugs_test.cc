// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/bugs.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <set>

#include "harness/model/checks.h"
#include "harness/model/test_machine.h"

namespace kct::model {
namespace {

TEST(PlantedBugs, HaveNamesOfTheirOwnAndAreFoundByThem) {
  std::set<std::string> names;
  for (const PlantedBug& bug : AllPlantedBugs()) {
    EXPECT_TRUE(names.insert(bug.name).second) << bug.name;
    const std::optional<Planted> found = FindPlantedBug(bug.name);
    ASSERT_TRUE(found.has_value()) << bug.name;
    EXPECT_EQ(*found, bug.planted) << bug.name;
    EXPECT_FALSE(bug.description.empty()) << bug.name;
  }
  EXPECT_EQ(FindPlantedBug("no-such-bug"), std::nullopt);
}

TEST(PlantedBugs, AreDescribedEachOnce) {
  std::set<Bug> described;
  for (const std::vector<BehaviourBug>& list :
       {BehaviourBugs(), FaultBugs(), GmemBugs(), ShadowBugs(), AreaBugs()}) {
    for (const BehaviourBug& bug : list) EXPECT_TRUE(described.insert(bug.bug).second) << bug.name;
  }
  EXPECT_EQ(described.size(), static_cast<std::size_t>(Bug::kCount) - 1) << "all but kNone";
}

TEST(PlantedBugs, ChangeTheAnswerOfOneCheck) {
  TestMachine vm;
  Operation unaligned = PreFault(0x10, 1);
  unaligned.address += 8;
  EXPECT_EQ(vm.Do(unaligned).error, Errno(EINVAL));
  vm.rules.planted = *FindPlantedBug("prefault-unaligned-other-errno");
  EXPECT_EQ(vm.Do(unaligned).error, Errno(ENXIO));
  Operation empty = PreFault(0x10, 0);
  EXPECT_EQ(vm.Do(empty).error, Errno(EINVAL)) << "of no other";
}

TEST(PlantedBugs, DropOneCheck) {
  TestMachine vm;
  vm.Do(SlotAt(1, 0x10, 4, 0x1000));
  EXPECT_EQ(vm.Do(SlotAt(2, 0x12, 4, 0x2000)).error, Errno(EEXIST));
  vm.rules.planted = *FindPlantedBug("region-overlap-dropped");
  EXPECT_EQ(vm.Do(SlotAt(2, 0x12, 4, 0x2000)).error, Errno());
}

// A check whose absence another one covers up can't be noticed missing.
TEST(Checks, WithADoubleAreNotDropped) {
  for (const Check& check : AllChecks()) {
    const std::string name = std::string(check.name) + "-dropped";
    EXPECT_EQ(FindPlantedBug(name).has_value(), !check.has_a_double) << name;
  }
}

// The kernel looks at the arguments in an order that shows when several of them are bad.
TEST(Checks, ApplyInTheKernelsOrder) {
  const Rules rules;
  const State state;
  Operation op = SlotAt(0xffff, 0x10, 4, 0x1000, 1u << 20);
  op.address += 1;
  EXPECT_EQ(FirstRefusal(rules, state, op)->name, "region-flags-of-version-2");
  op.flags = 0;
  EXPECT_EQ(FirstRefusal(rules, state, op)->name, "region-gpa-unaligned");
  op.address -= 1;
  EXPECT_EQ(FirstRefusal(rules, state, op)->name, "region-id-beyond-limit");
}

}  // namespace
}  // namespace kct::model
