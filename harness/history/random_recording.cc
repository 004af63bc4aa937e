// SPDX-License-Identifier: GPL-2.0-only
#include "harness/history/random_recording.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <optional>

#include "harness/abi/uapi.h"

namespace kct {
namespace {

using model::Kind;
using model::Operation;
using model::Pending;

constexpr uint64_t kBase = 0x100000000;
constexpr uint32_t kSlots = 2;

// One actor: an updater, a prefaulter, or a guest inside one long KVM_RUN.
struct Player {
  enum class Role { kUpdate, kPreFault, kGuest } role;
  uint8_t vcpu;
  std::optional<uint32_t> call;  // under way
  Pending pending;
};

class Simulation {
 public:
  Simulation(Random random, const RandomRecordingOptions& options)
      : random_(random), options_(options) {
    recording_.test = "random";
    for (uint32_t i = 0; i < options.actors; ++i) AddPlayer(i);
  }

  Recording Run() {
    for (Player& player : players_) {
      if (player.role == Player::Role::kGuest) StartRun(player);
    }
    Begin(players_[0], Region(1, kBase, 4, 0));
    while (AnyUnderWay()) {
      if (begun_ < options_.calls && random_.Below(100) < options_.overlap_percent)
        BeginSomewhere();
      StepSomewhere();
      if (!AnyUnderWay() && begun_ < options_.calls) BeginSomewhere();
    }
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      recording_.calls[i].end = ++clock_;
    }
    return std::move(recording_);
  }

 private:
  void AddPlayer(uint32_t number) {
    constexpr std::array kRoles{Player::Role::kUpdate, Player::Role::kPreFault,
                                Player::Role::kGuest};
    players_.push_back({kRoles[number % kRoles.size()], static_cast<uint8_t>(number % 8), {}, {}});
    recording_.lanes.push_back(fmt::format("actor {}", number));
  }

  void StartRun(const Player& player) {
    Pending run(Operation{.kind = Kind::kRun, .vcpu = player.vcpu});
    model::Take(recording_.rules, state_, run,
                model::NextChoices(recording_.rules, state_, run)[0]);
    runs_.push_back(run);
    recording_.calls.push_back({.lane = static_cast<uint32_t>(&player - players_.data()),
                                .op = run.op,
                                .begin = ++clock_});
  }

  static Operation Region(uint32_t id, uint64_t gpa, uint64_t pages, uint64_t flags) {
    return {.kind = Kind::kSetRegion,
            .slot = id,
            .flags = flags,
            .address = gpa,
            .size = pages * model::kPageBytes,
            .host = uint64_t{0x7f0000000000} + id * uint64_t{0x1000000}};
  }

  Operation RandomOperation(const Player& player) {
    const uint64_t page = kBase + random_.Below(6) * model::kPageBytes;
    switch (player.role) {
      case Player::Role::kUpdate: {
        const auto id = static_cast<uint32_t>(1 + random_.Below(kSlots));
        const uint64_t pages = random_.Below(3) == 0 ? 0 : 4;
        const uint64_t flags = random_.Below(4) == 0 ? KVM_MEM_LOG_DIRTY_PAGES : 0;
        return Region(id, page, pages, flags);
      }
      case Player::Role::kPreFault:
        return {.kind = Kind::kPreFault,
                .vcpu = player.vcpu,
                .address = page,
                .size = (1 + random_.Below(4)) * model::kPageBytes};
      case Player::Role::kGuest:
        return {.kind = Kind::kAccess,
                .vcpu = player.vcpu,
                .access = random_.Below(2) == 0 ? model::Access::kRead : model::Access::kWrite,
                .address = page,
                .size = 8,
                .value = 1 + random_.Below(3)};
    }
    return {};
  }

  void Begin(Player& player, const Operation& op) {
    player.call = static_cast<uint32_t>(recording_.calls.size());
    player.pending = Pending(op);
    player.pending.found = random_.Below(2);
    recording_.calls.push_back(
        {.lane = static_cast<uint32_t>(&player - players_.data()), .op = op, .begin = ++clock_});
    ++begun_;
  }

  void BeginSomewhere() {
    Player& player = players_[random_.Below(players_.size())];
    if (!player.call) Begin(player, RandomOperation(player));
  }

  void StepSomewhere() {
    const std::size_t first = random_.Below(players_.size());
    for (std::size_t i = 0; i < players_.size(); ++i) {
      Player& player = players_[(first + i) % players_.size()];
      if (player.call && Step(player)) return;
    }
  }

  // False: it has to wait.
  bool Step(Player& player) {
    if (player.pending.over()) {
      RecordedCall& call = recording_.calls[*player.call];
      call.seen = player.pending.outcome;
      call.end = ++clock_;
      player.call.reset();
      return true;
    }
    const model::Choices choices = model::NextChoices(recording_.rules, state_, player.pending);
    if (choices.empty()) return false;
    model::Choice choice = choices[random_.Below(choices.size())];
    if (choice.count > 0) choice.count = 1 + random_.Below(choice.count);
    model::Take(recording_.rules, state_, player.pending, choice);
    return true;
  }

  bool AnyUnderWay() const {
    for (const Player& player : players_) {
      if (player.call) return true;
    }
    return false;
  }

  Random random_;
  RandomRecordingOptions options_;
  Recording recording_;
  model::State state_;
  std::vector<Player> players_;
  std::vector<Pending> runs_;
  uint32_t begun_ = 0;
  uint64_t clock_ = 0;
};

}  // namespace

Recording RandomRecording(Random random, const RandomRecordingOptions& options) {
  return Simulation(random, options).Run();
}

void Falsify(Recording& recording, Random random) {
  RecordedCall& call = recording.calls[random.Below(recording.calls.size())];
  model::Outcome& seen = call.seen;
  constexpr std::array kErrors{0, EAGAIN, ENOENT, EINVAL, EEXIST};
  switch (call.op.kind) {
    case Kind::kPreFault: {
      seen.error = Errno(kErrors[random.Below(kErrors.size())]);
      const uint64_t pages = call.op.size / model::kPageBytes;
      const uint64_t done = seen.error == Errno() ? 1 + random.Below(pages) : 0;
      seen.left = call.op.size - done * model::kPageBytes;
      seen.address = call.op.address + done * model::kPageBytes;
      return;
    }
    case Kind::kAccess:
      seen.mmio = random.Below(2) == 0;
      seen.value = seen.mmio ? 0 : random.Below(4);
      return;
    default:
      seen.error = Errno(kErrors[random.Below(kErrors.size())]);
      return;
  }
}

}  // namespace kct
