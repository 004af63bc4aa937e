// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/exit_anchor.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <cstring>
#include <deque>

namespace kct {
namespace {

using testing::HasSubstr;

// A vCPU that leaves its guest as it is told, one KVM_RUN after the other.
class FakeVcpu : public Backend {
 public:
  FakeVcpu() : runner_(Vcpu(UniqueFd(), *Mapping::Anonymous(kPage))) { SetBackend(*this); }
  ~FakeVcpu() override { SetBackend(KernelBackend()); }

  VcpuRunner& runner() { return runner_; }
  kvm_run& run() { return runner_.vcpu().run(); }

  void ThenMmioRead(uint64_t gpa) {
    script_.push_back([this, gpa] {
      run().exit_reason = KVM_EXIT_MMIO;
      run().mmio = {.phys_addr = gpa, .len = 8, .is_write = 0};
      return RawAnswer{};
    });
  }
  void ThenHalt() {
    script_.push_back([this] {
      run().exit_reason = KVM_EXIT_HLT;
      return RawAnswer{};
    });
  }
  void ThenASignal() {
    script_.push_back([] { return RawAnswer{-1, Errno(EINTR)}; });
  }
  uint64_t rip = 0x1000;
  uint64_t answered = 0;  // what user space had left for the last KVM_RUN

 private:
  RawAnswer Ioctl(int, unsigned long request, uintptr_t argument) override {
    if (request == KVM_GET_REGS) reinterpret_cast<kvm_regs*>(argument)->rip = rip;
    if (request != KVM_RUN) return {};
    std::memcpy(&answered, run().mmio.data, sizeof answered);
    const auto step = script_.front();
    script_.pop_front();
    return step();
  }

  VcpuRunner runner_;
  std::deque<std::function<RawAnswer()>> script_;
};

TEST(ExitAnchor, ParksInAnAccessWithoutASlotWhateverSignalsCome) {
  FakeVcpu vcpu;
  vcpu.ThenASignal();
  vcpu.ThenMmioRead(0x5000);
  const Result<ExitAnchor> parked = ExitAnchor::At(vcpu.runner());
  ASSERT_TRUE(parked);
  EXPECT_EQ(parked.value().guest_exit().mmio.gpa, Gpa{0x5000});
}

TEST(ExitAnchor, SaysWhatTheGuestDidInstead) {
  FakeVcpu vcpu;
  vcpu.ThenHalt();
  const Result<ExitAnchor> parked = ExitAnchor::At(vcpu.runner());
  ASSERT_FALSE(parked);
  EXPECT_THAT(parked.error().message, HasSubstr("but: HLT"));
}

TEST(ExitAnchor, HoldsUntilSomethingChanges) {
  FakeVcpu vcpu;
  vcpu.ThenMmioRead(0x5000);
  Result<ExitAnchor> parked = ExitAnchor::At(vcpu.runner());
  ASSERT_TRUE(parked);
  EXPECT_TRUE(parked->Holds());
  vcpu.run().mmio.phys_addr = 0x6000;
  EXPECT_FALSE(parked->Holds());
  vcpu.run().mmio.phys_addr = 0x5000;
  vcpu.rip += 4;
  EXPECT_FALSE(parked->Holds());
}

TEST(ExitAnchor, HandsTheAnswerToTheGuest) {
  FakeVcpu vcpu;
  vcpu.ThenMmioRead(0x5000);
  vcpu.ThenHalt();
  Result<ExitAnchor> parked = ExitAnchor::At(vcpu.runner());
  ASSERT_TRUE(parked);
  EXPECT_EQ(parked->Release(0x77).kind, ExitKind::kHalt);
  EXPECT_EQ(vcpu.answered, 0x77u);
}

}  // namespace
}  // namespace kct
