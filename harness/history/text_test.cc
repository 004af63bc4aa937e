// SPDX-License-Identifier: GPL-2.0-only
#include "harness/history/text.h"

#include <gmock/gmock.h>

#include <cerrno>

#include "harness/history/random_recording.h"
#include "harness/history/words.h"

namespace kct {
namespace {

using model::Access;
using model::Kind;
using model::Operation;
using model::Phase;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kHistory =
    R"history(kct-history 1
test PrefaultRaces.WithDelete
kernel 7.3.4+deb13-cloud-amd64
seed 0x5eed
ticks-per-us 2100
vm
)history"
    "rules tdp prefault readonly-slots guest-memfd attributes=0x0 "
    "slot-ids=0x7ffc address-spaces=0x2 first-gfn-beyond=0x1000\n"
    R"history(lane main
lane prefault
lane "vCPU 0"
@0..4100 main SET_USER_MEMORY_REGION slot=0x1 gpa=0x100000000 size=0x2000 hva=0x7f0000000000 -> 0
@5210..9044 prefault PRE_FAULT_MEMORY vcpu=0x0 gpa=0x100000000 size=0x2000 -> EAGAIN
 seen @7000 reading
 text "vcpu.PreFault(\"slot\")"
@5300..9050 prefault PRE_FAULT_MEMORY vcpu=0x1 gpa=0x4000 size=0x2000 -> 0 gpa=0x5000 left=0x1000
@6000..6900 "vCPU 0" READ vcpu=0x0 gpa=0x100000000 size=0x8 emulated -> 0 mmio
@6100..… main SET_USER_MEMORY_REGION2 slot=0x1 gpa=0x4000 size=0x0 hva=0x7f0000000000 not-judged
@9100..9200 main CREATE_GUEST_MEMFD size=0x1000 -> ERRNO4000 refused
note "ioctl 0xae60 of the VM"
vm
rules prefault attributes=0x8 slot-ids=0x1ff address-spaces=0x1 first-gfn-beyond=0x100000
truncated
)history";

std::vector<Recording> Parsed(std::string_view text) {
  const Result<std::vector<Recording>> recordings = ParseHistory(text, "h");
  EXPECT_TRUE(recordings.ok()) << recordings.error().message;
  return recordings.ok() ? recordings.value() : std::vector<Recording>(1);
}

// A history in its canonical form is read and written again as it was.
TEST(HistoryText, IsWrittenAsItWasRead) { EXPECT_EQ(WriteHistory(Parsed(kHistory)), kHistory); }

// What the words of a history mean.
TEST(HistoryText, MeansWhatItSays) {
  const std::vector<Recording> recordings = Parsed(kHistory);
  ASSERT_EQ(recordings.size(), 2u);
  const Recording& vm = recordings[0];
  EXPECT_EQ(vm.test, "PrefaultRaces.WithDelete");
  EXPECT_EQ(vm.seed, 0x5eedu);
  EXPECT_EQ(vm.lanes[2], "vCPU 0");
  ASSERT_EQ(vm.calls.size(), 6u);
  const Operation create{.kind = Kind::kSetRegion,
                         .slot = 1,
                         .address = 0x100000000,
                         .size = 0x2000,
                         .host = 0x7f0000000000};
  EXPECT_EQ(vm.calls[0].op, create);
  EXPECT_EQ(vm.calls[1].lane, 1u);
  EXPECT_EQ(vm.calls[1].seen.error, Errno(EAGAIN));
  EXPECT_EQ(vm.calls[1].seen.left, 0x2000u) << "a prefault that failed leaves its argument alone";
  EXPECT_EQ(vm.calls[1].text, "vcpu.PreFault(\"slot\")");
  EXPECT_EQ(vm.sightings[0], (Sighting{1, 7000, Phase::kReading}));
  EXPECT_EQ(vm.calls[2].seen.address, 0x5000u);
  EXPECT_TRUE(vm.calls[3].op.emulated && vm.calls[3].seen.mmio);
  EXPECT_TRUE(!vm.calls[4].returned && vm.calls[4].op.second_version && vm.calls[4].any_answer);
  EXPECT_TRUE(vm.calls[5].refused);
  EXPECT_EQ(vm.calls[5].seen.error, Errno(4000));
  EXPECT_EQ(vm.unjudged, std::vector<std::string>{"ioctl 0xae60 of the VM"});
  EXPECT_EQ(recordings[1].rules.supported_attributes, 8u);
  EXPECT_FALSE(recordings[1].rules.two_dimensional_paging);
  EXPECT_TRUE(recordings[1].truncated && !vm.truncated);
}

// What was recorded is what is read, whatever the model did.
TEST(HistoryText, KeepsWhatWasRecorded) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    Recording recording = RandomRecording(
        random.Fork(1), {.actors = static_cast<uint32_t>(2 + seed % 6), .calls = 40});
    recording.kernel = "6.12";
    recording.seed = seed << 55;
    recording.truncated = random.Below(2) == 0;
    for (uint32_t i = 0; i < recording.calls.size(); ++i) {
      RecordedCall& call = recording.calls[i];
      call.any_answer = random.Below(5) == 0;
      call.refused = random.Below(9) == 0;
      if (random.Below(4) == 0) call.text = "a \"text\"\n\x01 of\\ it";
      if (random.Below(3) == 0) recording.sightings.push_back({i, call.begin, Phase::kReading});
      if (random.Below(8) == 0) call = {.lane = call.lane, .op = call.op, .returned = false};
    }
    std::stable_sort(recording.sightings.begin(), recording.sightings.end(),
                     [](const Sighting& a, const Sighting& b) { return a.time < b.time; });
    const std::vector<Recording> written{recording, recording};
    ASSERT_EQ(Parsed(WriteHistory(written)), written) << "seed " << seed;
  }
}

// Each kind of operation has a word of its own, and none of its fields gets lost.
TEST(HistoryText, HasWordsForAllOperations) {
  for (const OperationWord& word : OperationWords()) {
    Recording recording{.lanes = {"main"}, .calls = {{.op = word.of}}};
    Operation& op = recording.calls[0].op;
    for (const OperationField& field : word.fields) field.set(op, field.most);
    for (const Mark<Operation>& mark : OperationMarks()) op.*mark.member = true;
    FillInRemainder(op, recording.calls[0].seen);
    const std::string text = WriteHistory({&recording, 1});
    EXPECT_THAT(text, HasSubstr(fmt::format(" {} ", word.word)));
    EXPECT_EQ(Parsed(text)[0], recording) << text;
  }
}

// A file as somebody writes it by hand: decimal numbers, comments, empty lines, spaces.
TEST(HistoryText, MayBeWrittenByHand) {
  const Recording vm = Parsed(
      "# What the list discussed.\nkct-history 1\ntest \"by hand\"\nkernel any\nseed 0\n\nvm\n"
      "rules tdp prefault\n  lane  main \n"
      "@1..2  main PRE_FAULT_MEMORY size=4096 gpa=0 vcpu=0  ->  ENOENT  \n")[0];
  EXPECT_EQ(vm.test, "by hand");
  EXPECT_EQ(vm.calls[0].op.size, 4096u);
  EXPECT_EQ(vm.rules.slot_ids, model::Rules().slot_ids) << "what is not given is the default";
}

// Each error is one line that names file, line, word, and what was expected.
TEST(HistoryText, SaysWhatIsWrongAndWhere) {
  const std::string header = "kct-history 1\ntest a\nkernel b\nseed 1\n";
  const std::string vm = header + "vm\nrules\nlane m\n";
  const std::string call = vm + "@0..1 m RUN vcpu=0 -> 0\n";
  const struct {
    std::string text;
    std::string_view error;
  } kCases[] = {
      {"", "h:1: the end of the file: expected 'kct-history'"},
      {"PREFAULT 1\n", "h:1: 'PREFAULT': expected 'kct-history'"},
      {"kct-history 2\n", "h:1: '2': expected the version of the format that is known, 1"},
      {"kct-history 1\ntest\n", "h:2: the end of the line: expected the name of a test"},
      {"kct-history 1\ntest a b\n", "h:2: 'b': expected the end of the line"},
      {"kct-history 1\ntest a\nkernel b\nseed x\n", "h:4: 'x': expected a number"},
      {header + "ticks-per-us 0\n", "h:5: '0': expected a number from 1 to 0xffffffff"},
      {vm + "ticks-per-us 1\n", "h:8: 'ticks-per-us': expected it before the first VM"},
      {header, "h:5: the end of the file: expected 'vm'"},
      {header + "lane m\n", "h:5: 'lane': expected 'vm'"},
      {header + "vm\n", "h:6: the end of the file: expected 'rules'"},
      {header + "vm\nlane m\n", "h:6: 'lane': expected 'rules', first of a VM"},
      {header + "vm\nrules npt\n", "h:6: 'npt': expected tdp, prefault,"},
      {header + "vm\nrules\nrules\n", "h:7: 'rules': expected them once for each VM"},
      {vm + "lane m\n", "h:8: 'm': expected a lane that this VM does not have yet"},
      {vm + "lane \"x\n", "h:8: '\"x': expected a closing quote"},
      {vm + "lane \"x\\n\"\n", "h:8: '\\n\"': expected \\\", \\\\ or \\xNN"},
      {vm + "lane \"x\"y\n", "h:8: '\"x\"y': expected a space after the quotes"},
      {vm + "call\n", "h:8: 'call': expected 'lane', '@BEGIN..END', 'seen'"},
      {vm + "@0-1 m\n", "h:8: '@0-1': expected '@BEGIN..END' or '@BEGIN..…'"},
      {vm + "@0..1 n\n", "h:8: 'n': expected a lane of this VM"},
      {vm + "@0..1 m\n", "h:8: the end of the line: expected an operation"},
      {vm + "@0..1 m PRE_FAULT\n", "h:8: 'PRE_FAULT': expected an operation: SET_USER_"},
      {vm + "@0..1 m RUN gpa=0\n", "h:8: 'gpa=0': expected of RUN: vcpu=…, emulated,"},
      {vm + "@0..1 m RUN vcpu=0x100\n", "h:8: 'vcpu=0x100': expected a number up to 0xff"},
      {vm + "@0..1 m RUN vcpu=0 vcpu=0\n", "h:8: 'vcpu=0': expected vcpu once"},
      {vm + "@0..1 m RUN -> 0\n", "h:8: '->': expected vcpu=… before it"},
      {vm + "@0..1 m RUN vcpu=0\n", "h:8: the end of the line: expected '->' and an answer"},
      {vm + "@0..… m RUN vcpu=0 -> 0\n", "h:8: '->': expected no answer of a call that did not"},
      {vm + "@0..1 m RUN vcpu=0 ->\n", "h:8: the end of the line: expected 0 or an errno"},
      {vm + "@0..1 m RUN vcpu=0 -> EFOO\n", "h:8: 'EFOO': expected 0 or an errno"},
      {vm + "@0..1 m RUN vcpu=0 -> 0 soon\n", "h:8: 'soon': expected of an answer: mmio,"},
      {vm + " seen @3 reading\n", "h:8: 'seen': expected a call before it"},
      {call + " seen 3\n", "h:9: '3': expected @TIME"},
      {call + " seen @3 writing\n", "h:9: 'writing': expected a phase: called, invalidated,"},
      {vm + " text x\n", "h:8: 'text': expected a call before it"},
      {call + "note\n", "h:9: the end of the line: expected what happened"},
      {call + "truncated early\n", "h:9: 'early': expected the end of the line"},
  };
  for (const auto& one : kCases) {
    const Result<std::vector<Recording>> result = ParseHistory(one.text, "h");
    ASSERT_FALSE(result.ok()) << one.text;
    EXPECT_THAT(result.error().message, StartsWith(std::string(one.error))) << one.text;
    EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace kct
