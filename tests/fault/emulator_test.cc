// SPDX-License-Identifier: GPL-2.0-only
// Accesses to memory that KVM makes itself, for instructions that it emulates.
#include <sys/mman.h>

#include <array>

#include "harness/abi/host_memory.h"
#include "harness/race/page_anchor.h"
#include "harness/testing/fixture.h"
#include "harness/testing/forced_emulation.h"
#include "harness/testing/matchers.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class FaultEmulator : public VmTest<> {};
class FaultEmulatorWaits : public RaceTest<> {};
class FaultForcedEmulation : public VmTest<Need::kCpu, Need::kRoot> {};

// An OUTS reads its word at `gpa`; where KVM can't, that is an MMIO read, and it goes on with the
// answer.
void ExpectMmioRead(GuestScene& scene, Gpa gpa) {
  ASSERT_OK(scene.cpu.Load(Program().OutString(1, gpa, {1})));
  ASSERT_THAT(scene.cpu.Run(), IsMmioRead(gpa));
  scene.cpu.AnswerMmio('z');
  const GuestExit out = scene.cpu.Run();
  ASSERT_THAT(out, IsOut(1));
  EXPECT_THAT(out.io.data, testing::ElementsAre(std::byte{'z'}));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
}

// What KVM can't read, because nothing is mapped there or nobody may, is MMIO.
KCT_TEST(FaultEmulator, FindsMmioWhereItCanNotRead, "RUN-10") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ASSERT_TRUE(Unmap(scene.slot.hva(), kPage).ok());
  ASSERT_TRUE(Protect(scene.slot.hva() + kPage, kPage, PROT_NONE).ok());

  ExpectMmioRead(scene, kHome);
  ExpectMmioRead(scene, kHome + kPage);
}

// So is a page for which a userfaultfd lets nobody wait.
KCT_TEST(FaultEmulator, FindsMmioWhereItMayNotWait, "RUN-10") {
  for (const OnFault refusal : {OnFault::kSigbus, OnFault::kUserOnly}) {
    ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
    ASSERT_OK_AND_ASSIGN(const Userfaultfd uffd,
                         Userfaultfd::Register(scene.slot.hva(), kPage, refusal));
    ExpectMmioRead(scene, kHome);
  }
}

// What KVM can't write is an MMIO write, and the memory stays as it was.
KCT_TEST(FaultEmulator, FindsMmioWhereItCanNotWrite, "RUN-10") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  scene.Word() = kValue;
  ASSERT_TRUE(Protect(scene.slot.hva(), kPage, PROT_READ).ok());
  ASSERT_OK(scene.cpu.Load(Program().InString(1, kHome, {1})));
  ASSERT_EQ(scene.cpu.Run().kind, ExitKind::kIo);
  scene.cpu.AnswerIo('z');

  EXPECT_THAT(scene.cpu.Run(), IsMmioWrite(kHome, uint64_t{'z'}));

  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.Word(), kValue);
}

// A signal gets a vCPU out that waits for a page of an access that KVM makes itself.
KCT_TEST(FaultEmulatorWaits, UntilASignalComes, "RUN-35") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  RunBeside run(scene.cpu);
  ASSERT_OK_AND_ASSIGN(PageAnchor anchor, PageAnchor::At(scene.slot.hva()));
  ASSERT_OK(scene.cpu.Load(Program().OutString(1, kHome, {1})));
  run.Start();
  ASSERT_REACHED(anchor.WaitReached(), "KVM waits for the page");

  run.actor().Interrupt();
  const bool came_back = run.FinishesBy(Clock::now() + 1s);

  // Else the watchdog would wait for the same, and this thread is one that no signal gets out.
  ASSERT_OK(anchor.Release());
  const GuestExit guest_exit = run.Finish();
  ASSERT_TRUE(came_back) << "KVM_RUN went on waiting";
  EXPECT_THAT(guest_exit, IsInterrupted());
  EXPECT_THAT(scene.cpu.Run(), IsOut(1));
}

// A function that compares the word at kHome with 0 and exchanges it, locked and emulated.
constexpr std::array<uint8_t, 20> kEmulatedExchange{
    0xb9, 0x00, 0x00, 0x00, 0x40,  // mov ecx, kHome
    0x31, 0xc0,                    // xor eax, eax
    0x31, 0xd2,                    // xor edx, edx
    0x0f, 0x0b, 'k',  'v',  'm',   // ud2, and KVM's sign
    0xf0, 0x48, 0x0f, 0xb1, 0x11,  // lock cmpxchg [rcx], rdx
    0xc3,                          // ret
};
static_assert(kHome.value == 0x4000'0000);

// A locked exchange that can't reach its memory is given up.
KCT_TEST(FaultForcedEmulation, OfALockedExchangeWithoutMemoryIsAnInternalError, "RUN-36") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  for (uint64_t i = 0; i < kEmulatedExchange.size(); ++i) {
    scene.slot.memory().At<uint8_t>({kPage.count + i}) = kEmulatedExchange[i];
  }
  ASSERT_TRUE(Protect(scene.slot.hva(), kPage, PROT_READ).ok());
  const ForcedEmulation forced;
  ASSERT_OK(forced.Begin());
  ASSERT_OK(scene.cpu.Load(Program().Execute(kHome + kPage)));

  const GuestExit guest_exit = scene.cpu.Run();

  EXPECT_THAT(guest_exit.call, Succeeds());
  EXPECT_THAT(guest_exit, IsInternalError(KVM_INTERNAL_ERROR_EMULATION));
}

}  // namespace
}  // namespace kct
