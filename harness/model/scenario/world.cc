// SPDX-License-Identifier: GPL-2.0-only
#include "harness/model/scenario/world.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

#include "harness/base/check.h"

namespace kct::model {
namespace {

// A moment of an exploration: what is under way, and what it all stands on.
struct Moment {
  State state;
  std::vector<Pending> calls;

  bool operator==(const Moment& other) const {
    return calls == other.calls && state == other.state;
  }
};

// Every order of the steps of `calls`, each moment looked at once.
class Exploration {
 public:
  Exploration(const Rules& rules, std::function<void(const Moment&)> at_end)
      : rules_(rules), at_end_(std::move(at_end)) {}

  void From(Moment begin) {
    std::vector<Moment> open{std::move(begin)};
    while (!open.empty()) {
      const Moment moment = std::move(open.back());
      open.pop_back();
      if (IsNew(moment)) Visit(moment, open);
    }
  }

 private:
  bool IsNew(const Moment& moment) {
    std::vector<Moment>& known = visited_[moment.state.Hash()];
    if (std::ranges::find(known, moment) != known.end()) return false;
    known.push_back(moment);
    return true;
  }

  void Visit(const Moment& moment, std::vector<Moment>& open) {
    bool went_on = false;
    for (std::size_t i = 0; i < moment.calls.size(); ++i) {
      if (moment.calls[i].over()) continue;
      for (const Choice& choice : NextChoices(rules_, moment.state, moment.calls[i])) {
        Moment next = moment;
        Take(rules_, next.state, next.calls[i], choice);
        open.push_back(std::move(next));
        went_on = true;
      }
    }
    if (!went_on) at_end_(moment);
  }

  const Rules& rules_;
  std::function<void(const Moment&)> at_end_;
  std::unordered_map<uint64_t, std::vector<Moment>> visited_;
};

constexpr const char* kHangs = "hangs";
// What a word holds that nobody knows.
constexpr uint64_t kUnknownWord = 0xdead;

Pending Start(const Operation& op) {
  Pending call(op);
  call.found = kUnknownWord;
  return call;
}

std::string AnswerOf(const Pending& call) {
  return call.over() ? call.outcome.ToString(call.op.kind) : kHangs;
}

std::string Joined(const World::Answers& answers) {
  return answers.empty() ? "never ends" : fmt::format("{}", fmt::join(answers, " | "));
}

std::vector<Scenario>& Registry() {
  static std::vector<Scenario> scenarios;
  return scenarios;
}

}  // namespace

World::World(const Planted& planted) {
  rules_.planted = planted;
  rules_.track_entries = true;
}

void World::Fail(ClauseId clause, const std::string& what) { failures_.push_back({clause, what}); }

void World::Expect(ClauseId clause, const Operation& op, const std::string& answer) {
  ExpectAnyOf(clause, op, {answer});
  if (answer != kHangs) Choose(clause, op, answer);
}

void World::ExpectAnyOf(ClauseId clause, const Operation& op, const Answers& answers) {
  Answers seen;
  Exploration(rules_, [&](const Moment& end) {
    seen.insert(AnswerOf(end.calls[0]));
  }).From({state_, {Start(op)}});
  if (seen == answers) return;
  Fail(clause, fmt::format("{}: {}, not {}", op.ToString(), Joined(seen), Joined(answers)));
}

void World::Choose(ClauseId clause, const Operation& op, const std::string& answer) {
  State any = state_, chosen = state_;
  bool ended = false, found = false;
  Exploration(rules_, [&](const Moment& end) {
    if (!end.calls[0].over()) return;
    any = end.state;
    ended = true;
    if (AnswerOf(end.calls[0]) != answer || found) return;
    chosen = end.state;
    found = true;
  }).From({state_, {Start(op)}});
  if (!found) Fail(clause, fmt::format("{}: never {}", op.ToString(), answer));
  // With a wrong answer the scenario goes on from it: its consequences may show elsewhere.
  if (ended) state_ = found ? chosen : any;
}

void World::ExpectRace(ClauseId clause, const std::vector<Operation>& ops, const Operation& then,
                       const Answers& answers) {
  Answers seen;
  std::vector<Pending> calls;
  for (const Operation& op : ops) calls.push_back(Start(op));
  Exploration(rules_, [&](const Moment& end) {
    std::string before;
    bool hangs = false;
    for (const Pending& call : end.calls) {
      before += AnswerOf(call) + " / ";
      hangs = hangs || !call.over();
    }
    if (hangs) {
      seen.insert(before + "-");
      return;
    }
    Answers last;
    Exploration(rules_, [&](const Moment& after) {
      last.insert(AnswerOf(after.calls[0]));
    }).From({end.state, {Start(then)}});
    for (const std::string& answer : last) seen.insert(before + answer);
  }).From({state_, calls});
  if (seen == answers) return;
  std::string text;
  for (const Operation& op : ops) text += op.ToString() + " / ";
  Fail(clause,
       fmt::format("{}{}: {}, not {}", text, then.ToString(), Joined(seen), Joined(answers)));
}

void World::Begin(ClauseId clause, const Operation& op) {
  Pending call(op);
  const Choices choices = NextChoices(rules_, state_, call);
  if (choices.empty()) return Fail(clause, fmt::format("{} does not begin", op.ToString()));
  Take(rules_, state_, call, choices[0]);
  if (call.over()) return Fail(clause, fmt::format("{}: {}", op.ToString(), AnswerOf(call)));
  begun_.push_back(call);
}

void World::EnterGuest(uint8_t vcpu) {
  Begin("RUN-30", Operation{.kind = Kind::kRun, .vcpu = vcpu});
}

void World::LeaveGuest(uint8_t vcpu) {
  for (Pending& call : begun_) {
    if (call.op.kind != Kind::kRun || call.op.vcpu != vcpu || call.over()) continue;
    Take(rules_, state_, call, NextChoices(rules_, state_, call)[0]);
  }
}

const std::vector<Scenario>& AllScenarios() {
  std::ranges::sort(Registry(), {}, &Scenario::name);
  return Registry();
}

bool AddScenario(Scenario scenario) {
  Registry().push_back(std::move(scenario));
  return true;
}

}  // namespace kct::model
