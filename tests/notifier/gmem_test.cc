// SPDX-License-Identifier: GPL-2.0-only
// Slots whose memory is a guest_memfd: what happens at their userspace_addr is not about them.
#include <sys/mman.h>

#include "harness/abi/host_memory.h"
#include "harness/base/patience.h"
#include "harness/guest/machine.h"
#include "harness/kvm/guest_memfd.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/run_beside.h"
#include "tests/notifier/place.h"

namespace kct {
namespace {

class NotifierBesideGmem : public EachTest<TestKind::kRace, EveryNotifier, Need::kGuestMemfd> {};
class NotifierOfGmem : public VmTest<Need::kGuestMemfd> {};

constexpr Gpa kGpa = 1_GiB_gpa;
constexpr uint64_t kOfFile = 0x6d65'6d66'64;
constexpr std::size_t kMarks = Place::kMarks;

// A guest whose memory is a file. At the slot's userspace_addr is a place, or the file itself.
struct FileScene {
  std::unique_ptr<Vm> owner;  // the machine keeps a reference to the VM
  GuestMachine machine;
  GuestCpu cpu;
  GuestMemfd file;
  Mapping memory;

  static Result<FileScene> Make(Bytes size, std::optional<Hva> userspace_addr) {
    KCT_TRY(Vm created, Vm::Create());
    auto vm = std::make_unique<Vm>(std::move(created));
    KCT_TRY(GuestMachine machine, GuestMachine::Create(*vm));
    KCT_TRY(GuestCpu cpu, machine.AddCpu());
    KCT_TRY(GuestMemfd file, GuestMemfd::Create(*vm, size));
    KCT_TRY(Mapping memory, file.Map());
    const GuestMemfdSlot slot(*vm, file,
                              {.slot = 100,
                               .gpa = kGpa,
                               .size = size,
                               .userspace_addr = userspace_addr.value_or(memory.hva())});
    const MemoryRegion2Call bound = slot.Bind();
    if (!bound.ok()) return MakeError("{}", bound.Record().ToString());
    return FileScene{std::move(vm), std::move(machine), std::move(cpu), std::move(file),
                     std::move(memory)};
  }
};

// The source at userspace_addr comes back, and a guest that reads and writes meanwhile sees nothing
// of it.
KCT_TEST_P(NotifierBesideGmem, KeepsTheGuestsMemory, "MN-03", "MN-02") {
  ASSERT_OK_AND_ASSIGN(const auto place, Place::Make(*GetParam().source, GetParam().page_size));
  ASSERT_OK_AND_ASSIGN(FileScene scene, FileScene::Make(place->size(), place->hva()));
  Program program;
  program.LoopStart();
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    scene.memory.Word(place->MarkAt(mark)) = kOfFile + mark;
    program.Read64(kGpa + place->MarkAt(mark)).Expect(kOfFile + mark);
    program.AtomicAdd(kGpa + place->MarkAt(mark) + Place::kAdded, 1);
  }
  ASSERT_OK(scene.cpu.Load(program.RepeatUntilFlag()));
  RunBeside run(scene.cpu, 10s);
  run.Start();
  ASSERT_REACHED(scene.cpu.WaitUntilProgress(GiveUpAfter(5s)), "the guest is at work");

  const CallRecord fired = place->Fire();
  scene.cpu.RaiseFlag();
  EXPECT_THAT(run.Finish(), IsDone());
  ReportAnchoredMeeting("a source worked beside a guest that was in its file");

  EXPECT_THAT(fired, Succeeds());
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    EXPECT_EQ(scene.cpu.result(2 * mark).unexpected, 0u) << "mark " << mark;
    EXPECT_EQ(scene.memory.Word(place->MarkAt(mark) + Place::kAdded),
              scene.cpu.result(2 * mark + 1).count);
  }
}
KCT_INSTANTIATE(NotifierBesideGmem);

// What the guest has of a file stays when the mapping of that file goes that the slot names.
void ExpectToStay(const std::function<CallRecord(const Mapping&)>& change) {
  ASSERT_OK_AND_ASSIGN(FileScene scene, FileScene::Make(Pages(4), std::nullopt));
  for (uint64_t page = 0; page < 4; ++page) scene.memory.Word(Pages(page)) = kOfFile;
  const GpaRange range{kGpa, Pages(4)};
  ASSERT_OK(scene.cpu.Load(Program().Touch(range).Expect(kOfFile)));
  ASSERT_THAT(scene.cpu.Run(), IsDone());

  ASSERT_THAT(change(scene.memory), Succeeds());

  ASSERT_OK(scene.cpu.Load(
      Program().Touch(range).Expect(kOfFile).WriteTouch(range, 9).Touch(range).Expect(9)));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u);
  EXPECT_EQ(scene.cpu.result(2).unexpected, 0u);
}

// It is unmapped …
KCT_TEST(NotifierOfGmem, StaysWithoutItsMapping, "MN-03", "GMEM-29") {
  ExpectToStay([](const Mapping& memory) { return Unmap(memory.hva(), memory.size()); });
}

// … or may no longer be touched by the host.
KCT_TEST(NotifierOfGmem, StaysWhenItsMappingIsClosed, "MN-03", "GMEM-29") {
  ExpectToStay(
      [](const Mapping& memory) { return Protect(memory.hva(), memory.size(), PROT_NONE); });
}

}  // namespace
}  // namespace kct
