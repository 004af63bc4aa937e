// SPDX-License-Identifier: GPL-2.0-only
#include "harness/metamorphic/scenario.h"

#include <algorithm>
#include <optional>

#include "harness/base/random.h"

namespace kct {
namespace {

using Kind = HostAction::Kind;

// Nothing of the guest's is mapped from here on.
constexpr Gpa kUnmapped = 8_GiB_gpa;
constexpr Gpa kNonCanonical{uint64_t{1} << 63};

constexpr Bytes kTurnWord = kKeptBegin;  // in the first page
constexpr Bytes kWord{8};

// The big events of a scenario, one an episode, in random order.
enum class Event { kRecreate, kHole, kMove, kLog };
constexpr std::array kEvents{Event::kRecreate, Event::kHole, Event::kMove, Event::kMove,
                             Event::kLog};

class Writer {
 public:
  explicit Writer(uint64_t seed) : random_(seed) { scenario_.seed = seed; }

  Scenario Write() {
    ChoosePages();
    Open();
    std::array events = kEvents;
    for (std::size_t i = events.size(); i > 1; --i) {
      std::swap(events[i - 1], events[random_.Below(i)]);
    }
    for (const Event event : events) AddEpisode(event);
    Close();
    return std::move(scenario_);
  }

 private:
  // A way to go on for the program of a vCPU, with how often it is taken.
  struct Phrase {
    int weight;
    void (Writer::*add)(Program&);
  };

  // --- host
  // ---------------------------------------------------------------------------------------
  void ChoosePages() {
    constexpr uint64_t kHuge = kHugePage / kPage;
    std::vector<uint64_t> firsts{0, kHuge - 1, kScenarioPages - 2};
    while (firsts.size() < 5) {
      // Odd and even starts; apart from the others, so that no page is in two pairs.
      const uint64_t first = 2 + random_.Below(kScenarioPages - 5);
      const bool apart = std::all_of(firsts.begin(), firsts.end(), [&](uint64_t other) {
        return first + 1 < other || other + 1 < first;
      });
      if (apart) firsts.push_back(first);
    }
    std::sort(firsts.begin(), firsts.end());
    for (const uint64_t first : firsts)
      scenario_.pages.insert(scenario_.pages.end(), {first, first + 1});
    scenario_.split = firsts[random_.Below(firsts.size())] + 1;
  }

  void Open() {
    Episode& episode = scenario_.episodes.emplace_back();
    for (const uint64_t page : scenario_.pages) {
      episode.before.push_back({.kind = Kind::kPaint, .page = page, .value = random_.Next()});
    }
    Play(episode);
  }

  void AddEpisode(Event event) {
    Episode& episode = scenario_.episodes.emplace_back();
    Unsettle(episode);
    if (!there_) Create(episode);
    switch (event) {
      case Event::kRecreate:
        Delete(episode);
        Unsettle(episode);
        Create(episode);
        break;
      case Event::kHole:
        Delete(episode);
        break;
      case Event::kMove:
        before_ = place_;
        place_ = OtherPlace();
        episode.before.push_back({.kind = Kind::kMove, .place = place_});
        break;
      case Event::kLog:
        episode.before.push_back({.kind = logs_ ? Kind::kStopLog : Kind::kStartLog});
        logs_ = !logs_;
        break;
    }
    Unsettle(episode);
    Play(episode);
  }

  // In the end each vCPU reads all of it.
  void Close() {
    Episode& episode = scenario_.episodes.emplace_back();
    if (!there_) Create(episode);
    if (logs_) episode.before.push_back({.kind = Kind::kStopLog});
    for (Program& program : episode.programs) {
      TakeTurn(program);
      Sweep(program);
      PassTurn(program);
    }
  }

  void Create(Episode& episode) {
    if (random_.Below(2) == 0) {
      before_ = place_;
      place_ = OtherPlace();
    }
    episode.before.push_back({.kind = Kind::kCreate, .place = place_});
    there_ = true;
  }

  void Delete(Episode& episode) {
    episode.before.push_back({.kind = Kind::kDelete});
    there_ = false;
    logs_ = false;
  }

  // Up to two small things.
  void Unsettle(Episode& episode) {
    for (uint64_t n = random_.Below(3); n > 0; --n) {
      const uint64_t page = SomePage();
      switch (random_.Below(5)) {
        case 0:
          episode.before.push_back({.kind = Kind::kPaint, .page = page, .value = random_.Next()});
          Forget(page);
          break;
        case 1:
          episode.before.push_back({.kind = Kind::kDrop, .page = page});
          Forget(page);
          break;
        case 2:
          episode.before.push_back({.kind = Kind::kRemap, .page = page});
          break;
        case 3:
          episode.before.push_back({.kind = Kind::kRemap, .page = 0, .count = kScenarioPages});
          break;
        case 4:
          if (logs_) episode.before.push_back({.kind = Kind::kReadLog});
          break;
      }
    }
  }

  // Functions planted in a page that has new contents are gone.
  void Forget(uint64_t page) {
    std::erase_if(planted_, [&](Bytes offset) { return offset / kPage == page; });
  }

  Gpa OtherPlace() {
    for (;;) {
      const Gpa place = kScenarioPlaces[random_.Below(kScenarioPlaces.size())];
      if (place != place_) return place;
    }
  }

  // --- guest
  // --------------------------------------------------------------------------------------
  void Play(Episode& episode) {
    if (there_ && random_.Below(2) == 0) {
      PlayInTurns(episode);
      return;
    }
    Program& program = episode.programs[random_.Below(kScenarioCpus)];
    for (uint64_t n = 12 + random_.Below(12); n > 0; --n) AddPhrase(program);
    if (there_) {
      Sweep(program);
    } else {
      ReadAll(program);
    }
  }

  void PlayInTurns(Episode& episode) {
    uint64_t cpu = random_.Below(kScenarioCpus);
    for (uint64_t turns = 4 + random_.Below(3); turns > 0; --turns, cpu = 1 - cpu) {
      Program& program = episode.programs[cpu];
      TakeTurn(program);
      for (uint64_t n = 2 + random_.Below(4); n > 0; --n) AddPhrase(program);
      if (turns <= 2) Sweep(program);
      PassTurn(program);
    }
    waits_ = false;
  }

  // The first turn of an episode need not be waited for. The word counts on through the whole
  // scenario, so nothing that was left in it can be taken for a turn. The load of CR3 serializes:
  // functions that the other vCPU has planted meanwhile are executed as they are now.
  void TakeTurn(Program& program) {
    if (waits_) program.SpinUntil(At(kTurnWord), turn_).ReloadCr3();
  }
  void PassTurn(Program& program) {
    program.Write64(At(kTurnWord), ++turn_);
    waits_ = true;
  }

  void AddPhrase(Program& program) {
    static constexpr std::array kInMemory{
        Phrase{4, &Writer::Read},        Phrase{4, &Writer::Write},
        Phrase{1, &Writer::Touch},       Phrase{1, &Writer::WriteTouch},
        Phrase{1, &Writer::Fill},        Phrase{1, &Writer::Checksum},
        Phrase{2, &Writer::Swap},        Phrase{2, &Writer::Add},
        Phrase{2, &Writer::Move},        Phrase{2, &Writer::Plant},
        Phrase{2, &Writer::Execute},     Phrase{1, &Writer::OutString},
        Phrase{1, &Writer::InString},    Phrase{1, &Writer::Port},
        Phrase{1, &Writer::Translation}, Phrase{1, &Writer::Fault},
        Phrase{1, &Writer::WhereItWas},
    };
    // What an access without memory behind it may be: those that KVM can emulate.
    static constexpr std::array kInAHole{
        Phrase{4, &Writer::Read},       Phrase{4, &Writer::Write}, Phrase{1, &Writer::WriteTouch},
        Phrase{1, &Writer::MoveLittle}, Phrase{1, &Writer::Port},
    };
    if (there_) {
      AddOneOf(program, kInMemory);
    } else {
      AddOneOf(program, kInAHole);
    }
  }

  template <std::size_t size>
  void AddOneOf(Program& program, const std::array<Phrase, size>& phrases) {
    int sum = 0;
    for (const Phrase& phrase : phrases) sum += phrase.weight;
    auto at = static_cast<int>(random_.Below(static_cast<uint64_t>(sum)));
    for (const Phrase& phrase : phrases) {
      if ((at -= phrase.weight) < 0) {
        (this->*phrase.add)(program);
        return;
      }
    }
  }

  // --- where
  // --------------------------------------------------------------------------------------
  Gpa At(Bytes offset) const { return place_ + offset; }
  uint64_t SomePage() { return scenario_.pages[random_.Below(scenario_.pages.size())]; }
  // The first page of a pair.
  uint64_t SomePair() { return scenario_.pages[2 * random_.Below(scenario_.pages.size() / 2)]; }

  // Room for `size` bytes that leaves the kept stretches alone; now and then across two pages.
  Bytes SomeRoom(Bytes size, Bytes alignment = {1}) {
    if (random_.Below(6) == 0 && size.count > 1) {
      const uint64_t most = std::min(size.count - 1, kKeptBegin.count);
      const Bytes before{1 + random_.Below(most)};
      return Aligned(Pages(SomePair() + 1) - before, alignment);
    }
    const Bytes page = Pages(SomePage());
    if (size <= kKeptBegin && random_.Below(2) == 0) {
      return Aligned(page + Bytes{random_.Below((kKeptBegin - size).count + 1)}, alignment);
    }
    const Bytes most = kPage - kKeptEnd - size;
    return Aligned(page + kKeptEnd + Bytes{random_.Below(most.count + 1)}, alignment);
  }
  static Bytes Aligned(Bytes offset, Bytes alignment) {
    return {offset.count / alignment.count * alignment.count};
  }
  Bytes SomeWord() { return Pages(SomePage()) + Bytes{random_.Below(2) * 0x800} + SmallOffset(); }
  // Of a word, below any kept stretch.
  Bytes SmallOffset() { return kWord * random_.Below(kKeptBegin / kWord); }
  Bytes SomeLength() { return kWord * (1 + random_.Below(48)); }
  uint32_t SomeWidth() { return 1u << random_.Below(4); }

  // --- phrases
  // ------------------------------------------------------------------------------------
  void Read(Program& program) {
    const uint32_t width = SomeWidth();
    const Gpa gpa = At(SomeRoom({width}, random_.Below(4) == 0 ? Bytes{1} : Bytes{width}));
    if (width == 1) program.Read8(gpa);
    if (width == 2) program.Read16(gpa);
    if (width == 4) program.Read32(gpa);
    if (width == 8) program.Read64(gpa);
  }

  void Write(Program& program) {
    const uint32_t width = SomeWidth();
    const Gpa gpa = At(SomeRoom({width}, random_.Below(4) == 0 ? Bytes{1} : Bytes{width}));
    const uint64_t value = random_.Next();
    if (width == 1) program.Write8(gpa, static_cast<uint8_t>(value));
    if (width == 2) program.Write16(gpa, static_cast<uint16_t>(value));
    if (width == 4) program.Write32(gpa, static_cast<uint32_t>(value));
    if (width == 8) program.Write64(gpa, value);
  }

  void Touch(Program& program) { program.Touch({At(Pages(SomePair()) + SmallOffset()), Pages(2)}); }
  void WriteTouch(Program& program) {
    program.WriteTouch({At(Pages(SomePair()) + SmallOffset()), Pages(2)}, random_.Next());
  }
  void Fill(Program& program) {
    const Bytes size = SomeLength();
    program.Fill({At(SomeRoom(size, kWord)), size}, random_.Next());
  }
  void Checksum(Program& program) { program.Checksum({At(Pages(SomePage())), kPage}); }

  // Half of them find what they compare with.
  void Swap(Program& program) {
    const Bytes offset = SomeWord();
    const uint64_t old = random_.Next();
    if (random_.Below(2) == 0) program.Write64(At(offset), old);
    program.CompareAndSwap(At(offset), old, random_.Next());
  }
  void Add(Program& program) { program.AtomicAdd(At(SomeWord()), random_.Next()); }

  void Move(Program& program) {
    const Bytes size = SomeLength();
    const Bytes target = SomeRoom(size), source = SomeRoom(size);
    program.Move(At(target), At(source), size, SomeWidth());
  }
  // Each word is an exit or two.
  void MoveLittle(Program& program) {
    const Bytes size = kWord * (1 + random_.Below(3));
    const Bytes target = SomeRoom(size), source = SomeRoom(size);
    program.Move(At(target), At(source), size, 8);
  }

  void Plant(Program& program) {
    constexpr uint64_t kFunctions = (kKeptEnd - kKeptBegin) / kWord;
    // The first one is the word for turns.
    const Bytes offset =
        Pages(SomePage()) + kKeptBegin + kWord * (1 + random_.Below(kFunctions - 1));
    program.Plant(At(offset), static_cast<uint32_t>(random_.Next()));
    planted_.push_back(offset);
    program.Execute(At(offset));
  }
  void Execute(Program& program) {
    if (!planted_.empty()) program.Execute(At(planted_[random_.Below(planted_.size())]));
  }

  // Within a page: KVM makes smaller pieces where it likes.
  void OutString(Program& program) {
    const uint32_t width = 1u << random_.Below(3);
    program.OutString(kPort, At(Pages(SomePage()) + SmallOffset()), {width * uint64_t{4}}, width);
  }
  void InString(Program& program) {
    const uint32_t width = 1u << random_.Below(3);
    const Bytes room = kKeptBegin - Bytes{width * uint64_t{4}};
    const Bytes offset = kWord * random_.Below(room / kWord);
    program.InString(kPort, At(Pages(SomePage()) + offset), {width * uint64_t{4}}, width);
  }
  void Port(Program& program) {
    if (random_.Below(2) == 0) {
      program.In(kPort);
    } else {
      program.Out(kPort, static_cast<uint32_t>(random_.Next()));
    }
  }

  void Translation(Program& program) {
    if (random_.Below(2) == 0) {
      program.ReloadCr3();
    } else {
      program.InvalidatePage(At(Pages(SomePage())));
    }
  }

  // With an exit behind it: without one, KVM may take the exception for one in delivery when the
  // guest next leaves (META-08), and that would hide everything else.
  void Fault(Program& program) {
    const Gpa gpa = random_.Below(4) == 0 ? kNonCanonical : kUnmapped + kWord * random_.Below(4096);
    if (random_.Below(2) == 0) {
      program.Read64(gpa);
    } else {
      program.Write64(gpa, random_.Next());
    }
    program.Out(kPort, 0);
  }

  void WhereItWas(Program& program) {
    if (before_ && *before_ != place_) program.Read64(*before_ + SomeWord());
  }

  // Each answer of the host is the result of an operation of its own.
  void ReadAll(Program& program) {
    for (const uint64_t page : scenario_.pages) program.Read64(At(Pages(page) + SmallOffset()));
  }
  // All that the scenario plays on, so that nothing wrong stays unseen.
  void Sweep(Program& program) {
    for (const uint64_t page : scenario_.pages) program.Checksum({At(Pages(page)), kPage});
  }

  static constexpr uint16_t kPort = 0x80;

  Random random_;
  Scenario scenario_;
  Gpa place_ = kScenarioPlaces[0];
  std::optional<Gpa> before_;  // where it was before
  bool there_ = true;
  bool logs_ = false;
  bool waits_ = false;  // somebody had a turn in this episode
  uint64_t turn_ = 0;
  std::vector<Bytes> planted_;
};

std::string_view NameOf(Kind kind) {
  switch (kind) {
    case Kind::kPaint:
      return "paint";
    case Kind::kDrop:
      return "drop";
    case Kind::kRemap:
      return "remap";
    case Kind::kCreate:
      return "create";
    case Kind::kDelete:
      return "delete";
    case Kind::kMove:
      return "move";
    case Kind::kStartLog:
      return "start-log";
    case Kind::kStopLog:
      return "stop-log";
    case Kind::kReadLog:
      return "read-log";
  }
  return "?";
}

}  // namespace

std::string HostAction::ToString() const {
  std::string text(NameOf(kind));
  if (kind == Kind::kPaint || kind == Kind::kDrop || kind == Kind::kRemap) {
    text += fmt::format(" page={} count={}", page, count);
  }
  if (kind == Kind::kPaint) text += fmt::format(" value={:#x}", value);
  if (kind == Kind::kCreate || kind == Kind::kMove) text += fmt::format(" gpa={:#x}", place.value);
  return text;
}

std::string Scenario::ToString() const {
  std::string text =
      fmt::format("scenario {:#x}, pages {}, split at {}\n", seed, fmt::join(pages, " "), split);
  for (std::size_t i = 0; i < episodes.size(); ++i) {
    text += fmt::format("episode {}\n", i);
    for (const HostAction& action : episodes[i].before) {
      text += fmt::format("  host: {}\n", action.ToString());
    }
    for (int cpu = 0; cpu < kScenarioCpus; ++cpu) {
      const Program& program = episodes[i].programs[static_cast<std::size_t>(cpu)];
      if (!program.ops().empty()) text += fmt::format("  vCPU {}: {}\n", cpu, program.ToString());
    }
  }
  return text;
}

Scenario WriteScenario(uint64_t seed) { return Writer(seed).Write(); }

std::vector<Scenario> WriteScenarios(uint64_t test_seed, int count) {
  std::vector<Scenario> scenarios;
  Random seeds(test_seed);
  for (int i = 0; i < count; ++i) scenarios.push_back(WriteScenario(seeds.Next()));
  return scenarios;
}

uint64_t PaintedWord(uint64_t value, uint64_t index) { return Random(value).Fork(index).Next(); }

uint64_t AnswerToExit(const Scenario& scenario, uint64_t index) {
  return Random(scenario.seed).Fork(index).Next();
}

}  // namespace kct
