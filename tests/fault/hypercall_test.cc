// SPDX-License-Identifier: GPL-2.0-only
// KVM_HC_MAP_GPA_RANGE, by which a guest asks user space for another kind of memory.
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/fault/flat_cpu.h"
#include "tests/fault/scenes.h"

namespace kct {
namespace {

class Hypercalls : public VmTest<> {};
class HypercallsOfMachineCode : public VmTest<Need::kCpu> {};

constexpr uint64_t kMapGpaRange = 12;
constexpr uint64_t kMapGpaRangeBit = 1 << kMapGpaRange;
constexpr uint64_t kPrivate = 1 << 4;  // attribute: encrypted
// What KVM itself tells the guest.
constexpr uint64_t kNoSuchCall = static_cast<uint64_t>(-1000);
constexpr uint64_t kNotPermitted = static_cast<uint64_t>(-1);
constexpr uint64_t kInvalid = static_cast<uint64_t>(-EINVAL);

// A guest whose hypercalls leave for user space.
Result<GuestScene> SceneWithExits() {
  KCT_TRY(GuestScene scene, GuestScene::Make());
  const auto enabled = scene.vm.EnableCap(KVM_CAP_EXIT_HYPERCALL, kMapGpaRangeBit);
  if (!enabled.ok()) return MakeError("{}", enabled.Record().ToString());
  return scene;
}

MATCHER_P3(IsMapGpaRange, gpa, pages, attributes, "is an exit of KVM_HC_MAP_GPA_RANGE") {
  return arg.kind == ExitKind::kHypercall && arg.call.ok() &&
         arg.hypercall.number == kMapGpaRange && arg.hypercall.args[0] == gpa.value &&
         arg.hypercall.args[1] == uint64_t{pages} && arg.hypercall.args[2] == uint64_t{attributes};
}

Program Ask(Gpa gpa, uint64_t pages, uint64_t attributes) {
  return Program().Hypercall(kMapGpaRange, gpa.value, pages, attributes);
}

// What the guest is told without an exit.
void ExpectTold(GuestScene& scene, const Program& program, uint64_t told) {
  ASSERT_OK(scene.cpu.Load(program));
  EXPECT_THAT(scene.cpu.Run(), IsDone()) << program.ToString();
  EXPECT_EQ(scene.cpu.result(0).value, told) << program.ToString();
}

// The capability is a mask of one hypercall. A mask with another bit changes nothing, and 0 turns
// the exit off again.
KCT_TEST(Hypercalls, TheMaskKnowsOne, "HC-01") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  EXPECT_EQ(scene.vm.CheckExtension(KVM_CAP_EXIT_HYPERCALL), static_cast<int>(kMapGpaRangeBit));

  EXPECT_THAT(scene.vm.EnableCap(KVM_CAP_EXIT_HYPERCALL, 1), FailsWith(EINVAL));
  ExpectTold(scene, Ask(kHome, 1, 0), kNoSuchCall);

  EXPECT_THAT(scene.vm.EnableCap(KVM_CAP_EXIT_HYPERCALL, kMapGpaRangeBit), Succeeds());
  EXPECT_THAT(scene.vm.EnableCap(KVM_CAP_EXIT_HYPERCALL, kMapGpaRangeBit | 2), FailsWith(EINVAL));
  ASSERT_OK(scene.cpu.Load(Ask(kHome, 1, 0)));
  EXPECT_THAT(scene.cpu.Run(), IsMapGpaRange(kHome, 1u, 0u));
  EXPECT_THAT(scene.cpu.Run(), IsDone());

  EXPECT_THAT(scene.vm.EnableCap(KVM_CAP_EXIT_HYPERCALL, 0), Succeeds());
  ExpectTold(scene, Ask(kHome, 1, 0), kNoSuchCall);
}

// The guest's arguments arrive as they are, whatever they mean: no slot, no such address, reserved
// bits.
KCT_TEST(Hypercalls, LeaveWithTheirArguments, "HC-02") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, SceneWithExits());
  struct Request {
    Gpa gpa;
    uint64_t pages, attributes;
  };
  const Request requests[] = {{kHome, 2, kPrivate},
                              {kAway, 1, 0},
                              {{uint64_t{1} << 60}, 3, kPrivate | 2},
                              {kHome, uint64_t{1} << 40, ~uint64_t{0}}};
  for (const Request& request : requests) {
    ASSERT_OK(scene.cpu.Load(Ask(request.gpa, request.pages, request.attributes)));
    EXPECT_THAT(scene.cpu.Run(), IsMapGpaRange(request.gpa, request.pages, request.attributes));
  }
}

// A range that is none is the guest's own mistake, and it is told so.
KCT_TEST(Hypercalls, WithABadRangeAreAnsweredInTheGuest, "HC-03") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, SceneWithExits());
  ExpectTold(scene, Ask(kHome + Bytes{8}, 1, 0), kInvalid);
  ExpectTold(scene, Ask(kHome, 0, 0), kInvalid);
  ExpectTold(scene, Ask(kHome, ~uint64_t{0}, 0), kInvalid);
}

// So is one that nobody asked to see, and one that does not exist.
KCT_TEST(Hypercalls, ThatAreNotEnabledAreUnknown, "HC-04") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  ExpectTold(scene, Ask(kHome, 1, 0), kNoSuchCall);
  ExpectTold(scene, Program().Hypercall(4242), kNoSuchCall);
}

// The answer is 0 unless user space gives another one, whatever was there before.
KCT_TEST(Hypercalls, AreASuccessUnlessAnswered, "HC-05") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, SceneWithExits());
  ASSERT_OK(scene.cpu.Load(Ask(kHome, 1, 0)));
  scene.cpu.vcpu().run().hypercall.ret = 0xbad;
  ASSERT_THAT(scene.cpu.Run(), IsMapGpaRange(kHome, 1u, 0u));
  EXPECT_EQ(scene.cpu.vcpu().run().hypercall.ret, 0u);

  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.cpu.result(0).value, 0u);
}

// Any answer reaches the guest.
KCT_TEST(Hypercalls, BringTheAnswerToTheGuest, "HC-06") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, SceneWithExits());
  for (const uint64_t answer : {uint64_t{0}, uint64_t{EINVAL}, kValue, ~uint64_t{0}}) {
    ASSERT_OK(scene.cpu.Load(Ask(kHome, 1, 0)));
    ASSERT_THAT(scene.cpu.Run(), IsMapGpaRange(kHome, 1u, 0u));
    scene.cpu.AnswerHypercall(answer);
    EXPECT_THAT(scene.cpu.Run(), IsDone());
    EXPECT_EQ(scene.cpu.result(0).value, answer);
  }
}

// EAGAIN is an answer like any other: the guest goes on behind its hypercall.
KCT_TEST(Hypercalls, AreNotRepeatedForEagain, "HC-09", "HC-06") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, SceneWithExits());
  ASSERT_OK(scene.cpu.Load(Ask(kHome, 1, 0).Out(1, 0)));
  ASSERT_THAT(scene.cpu.Run(), IsMapGpaRange(kHome, 1u, 0u));
  scene.cpu.AnswerHypercall(EAGAIN);

  EXPECT_THAT(scene.cpu.Run(), IsOut(1));
  EXPECT_EQ(scene.cpu.result(0).value, uint64_t{EAGAIN});
}

// The exit converts nothing: the guest's memory is what it was, before the answer and after it.
KCT_TEST(Hypercalls, ConvertNothing, "HC-10", "HC-06") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, SceneWithExits());
  ASSERT_OK(scene.cpu.Load(Program()
                               .Write64(kHome, kValue)
                               .Hypercall(kMapGpaRange, kHome.value, 4, kPrivate)
                               .Read64(kHome)
                               .Write64(kHome + kPage, 9)));
  ASSERT_THAT(scene.cpu.Run(), IsMapGpaRange(kHome, 4u, kPrivate));
  EXPECT_EQ(scene.Word(), kValue);
  scene.cpu.AnswerHypercall(EINVAL);

  EXPECT_THAT(scene.cpu.Run(), IsDone());

  EXPECT_EQ(scene.cpu.result(1).value, uint64_t{EINVAL});
  EXPECT_EQ(scene.cpu.result(2).value, kValue);
  EXPECT_EQ(scene.Word(1), 9u);
}

// The registers of a hypercall for two pages at kHome.
kvm_regs RegistersOfAsk() {
  kvm_regs regs = {};
  regs.rax = kMapGpaRange;
  regs.rbx = kHome.value;
  regs.rcx = 2;
  return regs;
}

// The first bit of hypercall.flags: the guest was in 64-bit mode.
uint32_t SaysLongMode(const Vcpu& vcpu) { return vcpu.run().hypercall.longmode; }

// The exit says whether the guest is in 64-bit mode.
KCT_TEST(HypercallsOfMachineCode, SayTheirMode, "HC-07") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, SceneWithExits());
  ASSERT_OK(scene.cpu.Load(Ask(kHome, 2, 0)));
  ASSERT_THAT(scene.cpu.Run(), IsMapGpaRange(kHome, 2u, 0u));
  EXPECT_EQ(SaysLongMode(scene.cpu.vcpu()), 1u);

  ASSERT_OK_AND_ASSIGN(FlatCpu flat, FlatCpu::WithHypercall(scene, 0, RegistersOfAsk()));
  ASSERT_THAT(flat.Run(), IsMapGpaRange(kHome, 2u, 0u));
  EXPECT_EQ(SaysLongMode(flat.vcpu()), 0u);
}

// Outside 64-bit mode the guest gets 32 bits of the answer.
KCT_TEST(HypercallsOfMachineCode, BringHalfOfTheAnswerTo32Bits, "HC-06") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, SceneWithExits());
  ASSERT_OK_AND_ASSIGN(FlatCpu flat, FlatCpu::WithHypercall(scene, 0, RegistersOfAsk()));
  ASSERT_THAT(flat.Run(), IsMapGpaRange(kHome, 2u, 0u));
  flat.AnswerHypercall(kValue);

  EXPECT_THAT(flat.Run(), IsOut(1));
  ASSERT_OK_AND_ASSIGN(const uint64_t rax, flat.Rax());
  EXPECT_EQ(rax, kValue & 0xffff'ffff);
}

// Outside the guest's kernel it is refused.
KCT_TEST(HypercallsOfMachineCode, AreForTheKernelOfTheGuest, "HC-08") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, SceneWithExits());
  ASSERT_OK_AND_ASSIGN(FlatCpu flat, FlatCpu::WithHypercall(scene, 3, RegistersOfAsk()));

  EXPECT_THAT(flat.Run(), IsOut(1));
  ASSERT_OK_AND_ASSIGN(const uint64_t rax, flat.Rax());
  EXPECT_EQ(rax, kNotPermitted & 0xffff'ffff);
}

}  // namespace
}  // namespace kct
