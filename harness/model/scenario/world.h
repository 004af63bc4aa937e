// SPDX-License-Identifier: GPL-2.0-only
// World: a VM of the model in which a scenario makes calls and says which answers its clauses
// allow. What differs is kept as a failure that names the clause; nothing is asserted here, so that
// the proof can run a scenario against a planted bug and see what it says.
//
//   world.Expect("GMEM-13", Read(0, kGpa), "0, word 0x0");
//   world.ExpectRace("MN-05", {HostDrop(kHva, 1), Read(0, kGpa)}, Read(0, kGpa),
//                    {"0 / 0, word 0x7 / 0, word 0x0", "0 / 0, word 0x0 / 0, word 0x0"});
//
// Answers are Outcome::ToString; "hangs" is that of a call that can't go on.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "harness/model/step.h"

namespace kct::model {

struct Failure {
  ClauseId clause;
  std::string text;
};

class World {
 public:
  using Answers = std::set<std::string>;

  explicit World(const Planted& planted);

  // To be changed before the first call.
  Rules& rules() { return rules_; }

  // `op` alone has this one answer. The scenario goes on from there.
  void Expect(ClauseId clause, const Operation& op, const std::string& answer);
  // `op` alone has all of these answers and no other. The scenario goes on as if it was not made.
  void ExpectAnyOf(ClauseId clause, const Operation& op, const Answers& answers);
  // Makes `op` have this answer, which is one of several.
  void Choose(ClauseId clause, const Operation& op, const std::string& answer);
  // `ops` at once, in every order of their steps, and `then` when they are over: the answers of
  // all, with " / " between them, are these. The scenario goes on as if they were not made.
  void ExpectRace(ClauseId clause, const std::vector<Operation>& ops, const Operation& then,
                  const Answers& answers);

  // Makes `op` take its first step only; it stays under way.
  void Begin(ClauseId clause, const Operation& op);
  // A vCPU is in the guest from now on; its accesses need that.
  void EnterGuest(uint8_t vcpu);
  void LeaveGuest(uint8_t vcpu);

  const std::vector<Failure>& failures() const { return failures_; }

 private:
  void Fail(ClauseId clause, const std::string& what);

  Rules rules_;
  State state_;
  std::vector<Pending> begun_;
  std::vector<Failure> failures_;
};

struct Scenario {
  std::string_view name;
  std::vector<ClauseId> clauses;
  void (*run)(World&);
};

// All, in order of their names.
const std::vector<Scenario>& AllScenarios();
bool AddScenario(Scenario scenario);

// KCT_SCENARIO(Name, "CLAUSE-01", "CLAUSE-02") { … world.Expect(…); … }
#define KCT_SCENARIO(name, ...)                       \
  static void Run##name(World& world);                \
  [[maybe_unused]] static const bool kAdded##name =   \
      AddScenario({#name, {__VA_ARGS__}, Run##name}); \
  static void Run##name(World& world)

}  // namespace kct::model
