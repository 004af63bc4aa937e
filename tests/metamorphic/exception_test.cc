// SPDX-License-Identifier: GPL-2.0-only
// What happened to the guest before does not show in an exit.
#include "harness/guest/machine.h"
#include "harness/testing/fixture.h"

namespace kct {
namespace {

class MetamorphicException : public LongTest<Need::kCpu> {};

// One a round, that the guest has not used yet.
constexpr Gpa kHoles = 4_GiB_gpa;
// A #GP, which KVM intercepts on SVM and injects again: an injected event is what is to be
// forgotten.
constexpr Gpa kNonCanonical{uint64_t{1} << 63};
// An exit between the two accesses, such as for an interrupt of the host, hides what the test looks
// for; in the first round there is one for each page that the guest has not used yet.
constexpr int kRounds = 10;

// How the first KVM_RUN of a program ends.
Result<GuestExit> ExitOf(GuestCpu& cpu, const Program& program) {
  KCT_TRY_STATUS(cpu.Load(program));
  return cpu.Run();
}

// An access without memory behind it is the same exit with an exception before it as without one.
KCT_TEST(MetamorphicException, ThatIsOverDoesNotShow, "META-08") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(GuestMachine machine, GuestMachine::Create(vm));
  ASSERT_OK_AND_ASSIGN(GuestCpu cpu, machine.AddCpu());

  for (int round = 0; round < kRounds; ++round) {
    const Gpa hole = kHoles + Pages(static_cast<uint64_t>(round));
    ASSERT_OK_AND_ASSIGN(const GuestExit with,
                         ExitOf(cpu, Program().Read64(kNonCanonical).Read64(hole)));
    ASSERT_OK_AND_ASSIGN(const GuestExit without, ExitOf(cpu, Program().Read64(hole)));
    ASSERT_EQ(without.kind, ExitKind::kMmio) << without.ToString();
    ASSERT_EQ(with.ToString(), without.ToString()) << "in round " << round;
  }
}

}  // namespace
}  // namespace kct
