// SPDX-License-Identifier: GPL-2.0-only
#include "harness/metamorphic/imagined_guest.h"

#include <algorithm>

#include "harness/base/check.h"

namespace kct {
namespace {

using guest::Op;
using guest::OpCode;
using guest::OpResult;
using guest::OpStatus;
using SlipKind = Slip::Kind;

constexpr Gpa kEndOfIdentityMap = 8_GiB_gpa;

class Machine {
 public:
  Machine(const Scenario& scenario, const Slip& slip) : scenario_(scenario), slip_(slip) {}

  GuestView Play() {
    for (; episode_ < scenario_.episodes.size(); ++episode_) PlayEpisode();
    std::erase_if(memory_, [](const auto& entry) {
      return std::all_of(entry.second.begin(), entry.second.end(),
                         [](uint64_t word) { return word == 0; });
    });
    view_.memory = memory_;
    return std::move(view_);
  }

 private:
  struct Cpu {
    std::size_t next = 0;
    std::vector<OpResult> results;
    std::vector<GuestExit> exits;
  };

  bool Slips(SlipKind kind) const { return slip_.kind == kind && slip_.episode == episode_; }

  void PlayEpisode() {
    const Episode& episode = scenario_.episodes[episode_];
    stale_ = memory_[slip_.page];
    for (const HostAction& action : episode.before) Do(action);
    if (Slips(SlipKind::kWrongWord)) memory_[slip_.page][slip_.word] ^= 1;
    cpus_ = {};
    for (std::size_t i = 0; i < cpus_.size(); ++i) {
      cpus_[i].results.resize(episode.programs[i].ops().size());
    }
    while (RunOn(0) || RunOn(1)) {
    }
    std::vector<ViewLine>& lines = view_.episodes.emplace_back();
    for (std::size_t i = 0; i < cpus_.size(); ++i) {
      const std::vector<ViewLine> more =
          LinesOf(static_cast<int>(i), cpus_[i].exits, episode.programs[i], cpus_[i].results);
      lines.insert(lines.end(), more.begin(), more.end());
    }
  }

  void Do(const HostAction& action) {
    using Kind = HostAction::Kind;
    PageWords& words = memory_[action.page];
    if (action.kind == Kind::kPaint) {
      for (uint64_t i = 0; i < words.size(); ++i) words[i] = PaintedWord(action.value, i);
    }
    if (action.kind == Kind::kDrop) words = {};
    if (action.kind == Kind::kDelete) there_ = false;
    if (action.kind == Kind::kCreate) there_ = true;
    if (action.kind == Kind::kCreate || action.kind == Kind::kMove) place_ = action.place;
  }

  // Goes on with a vCPU until it is done or waits. Whether it did anything.
  bool RunOn(std::size_t number) {
    cpu_ = &cpus_[number];
    const auto ops = scenario_.episodes[episode_].programs[number].ops();
    bool did = false;
    for (; cpu_->next < ops.size(); ++cpu_->next, did = true) {
      const Op& op = ops[cpu_->next];
      if (op.code == OpCode::kSpinUntil && Load(op.gpa, 8) != op.value) break;
      result_ = &cpu_->results[cpu_->next];
      result_->status = OpStatus::kOk;
      result_->runs = 1;
      Run(op);
    }
    return did;
  }

  void Run(const Op& op) {
    if (op.gpa >= kEndOfIdentityMap.value) {
      result_->status = OpStatus::kFault;
      return;
    }
    switch (op.code) {
      case OpCode::kRead:
        return Note(Load(op.gpa, op.width));
      case OpCode::kWrite:
        return Store(op.gpa, op.value, op.width);
      case OpCode::kTouch:
        for (uint64_t at = 0; at < op.size; at += kPage.count) Note(Load(op.gpa + at, 8));
        return;
      case OpCode::kWriteTouch:
        for (uint64_t at = 0; at < op.size; at += kPage.count) Store(op.gpa + at, op.value, 8);
        return;
      case OpCode::kFill:
        for (uint64_t at = 0; at < op.size; at += 8) Store(op.gpa + at, op.value, 8);
        return;
      case OpCode::kChecksum:
        for (uint64_t at = 0; at < op.size; at += 8) {
          Note(guest::ChecksumStep(result_->value, Load(op.gpa + at, 8)));
        }
        return;
      case OpCode::kSwap:
        Note(Load(op.gpa, 8));
        if (result_->value == op.args[0]) Store(op.gpa, op.value, 8);
        return;
      case OpCode::kAdd:
        Note(Load(op.gpa, 8));
        return Store(op.gpa, result_->value + op.value, 8);
      case OpCode::kMove:
        for (uint64_t at = 0; at < op.size; at += op.width) {
          Store(op.gpa + at, Load(op.args[0] + at, op.width), op.width);
        }
        return;
      case OpCode::kPlant:
        return Store(op.gpa, guest::FunctionReturning(static_cast<uint32_t>(op.value)), 8);
      case OpCode::kExecute:
        return Execute(Load(op.gpa, 8));
      case OpCode::kIn:
        return Note(Answered(op.width));
      case OpCode::kInString:
        for (uint64_t at = 0; at < op.size; at += op.width) {
          Store(op.gpa + at, Answered(op.width), op.width);
        }
        return;
      case OpCode::kOut:
        return Leave(Direction::kWrite, op.value);
      case OpCode::kOutString:
        for (uint64_t at = 0; at < op.size; at += op.width) {
          Leave(Direction::kWrite, Load(op.gpa + at, op.width));
        }
        return;
      case OpCode::kSpinUntil:
      case OpCode::kInvalidate:
      case OpCode::kReloadCr3:
        return;
      default:
        KCT_CHECK(false);  // not an operation of scenarios
    }
  }

  void Note(uint64_t value) {
    result_->value = value;
    ++result_->count;
  }

  void Execute(uint64_t code) {
    const auto answer = static_cast<uint32_t>(code >> 8);
    if (code == guest::FunctionReturning(answer)) return Note(answer);
    result_->status = OpStatus::kFault;
  }

  // --- memory
  // ------------------------------------------------------------------------------------- The byte
  // behind an address; nullptr where there is no memory.
  unsigned char* ByteAt(uint64_t gpa) {
    if (!there_ && !Slips(SlipKind::kStaleSlot)) return nullptr;
    const uint64_t offset = gpa - place_.value;
    if (offset >= kScenarioSize.count) return nullptr;
    uint64_t page = offset / kPage.count;
    PageWords* words = &memory_[page];
    if (page == slip_.page && Slips(SlipKind::kStalePage)) words = &stale_;
    if (page == slip_.page && Slips(SlipKind::kNextPage)) words = &memory_[page + 1];
    return reinterpret_cast<unsigned char*>(words->data()) + offset % kPage.count;
  }

  uint64_t Load(uint64_t gpa, uint32_t width) {
    if (ByteAt(gpa) == nullptr) return Answered(width);
    uint64_t value = 0;
    for (uint32_t i = 0; i < width; ++i) value |= uint64_t{*ByteAt(gpa + i)} << (8 * i);
    return value;
  }

  void Store(uint64_t gpa, uint64_t value, uint32_t width) {
    if (ByteAt(gpa) == nullptr) return Leave(Direction::kWrite, value);
    for (uint32_t i = 0; i < width; ++i) {
      *ByteAt(gpa + i) = static_cast<unsigned char>(value >> (8 * i));
    }
  }

  // --- exits
  // --------------------------------------------------------------------------------------
  void Leave(Direction direction, uint64_t data) {
    cpu_->exits.push_back(
        {.kind = ExitKind::kMmio, .mmio = {.direction = direction, .data = data}});
  }

  uint64_t Answered(uint32_t width) {
    uint64_t answer = AnswerToExit(scenario_, cpu_->exits.size());
    if (Slips(SlipKind::kWrongAnswer) && !std::exchange(slipped_, true)) answer ^= 1;
    Leave(Direction::kRead, 0);
    return width == 8 ? answer : answer & ((uint64_t{1} << (8 * width)) - 1);
  }

  const Scenario& scenario_;
  const Slip slip_;
  GuestView view_;
  std::map<uint64_t, PageWords> memory_;
  PageWords stale_{};
  Gpa place_ = kScenarioPlaces[0];
  bool there_ = true;
  bool slipped_ = false;
  std::size_t episode_ = 0;
  std::array<Cpu, kScenarioCpus> cpus_;
  Cpu* cpu_ = nullptr;
  OpResult* result_ = nullptr;
};

}  // namespace

GuestView Imagine(const Scenario& scenario, const Slip& slip) {
  return Machine(scenario, slip).Play();
}

}  // namespace kct
