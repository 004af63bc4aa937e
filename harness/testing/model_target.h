// SPDX-License-Identifier: GPL-2.0-only
// ModelTarget: runs tests on the model instead of the kernel: an imitated KVM in this process, with
// a bug in it if one is wanted.
#pragma once

#include "harness/imitation/imitated_kvm.h"
#include "harness/testing/registry.h"

namespace kct {

class ModelTarget {
 public:
  // Takes the place of the machine. REQUIRES: no other threads yet.
  explicit ModelTarget(const model::Planted& planted);

  Backend& backend() { return kvm_; }
  // A new machine, with the paging that the test asks for.
  void BeginTest(const TestEntry& test);

 private:
  ImitatedKvm kvm_;
  model::Planted planted_;
};

// All bugs that can be planted, one a line: name, clause, description.
std::string ListOfBugs();

}  // namespace kct
