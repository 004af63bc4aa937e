// SPDX-License-Identifier: GPL-2.0-only
// A VMM's loop: it converts what the guest asks for by KVM_HC_MAP_GPA_RANGE, and what a memory
// fault exit says that the guest needs.
#include <linux/kvm_para.h>

#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/convert/scene.h"

namespace kct {
namespace {

class ConvertVmm : public VmTest<Need::kSwProtected> {};

using Then = VcpuRunner::Then;
constexpr uint64_t kEncrypted = 1 << 4;

// What it has done for the guest.
struct Served {
  int hypercalls = 0;
  int faults = 0;
};

class Vmm {
 public:
  explicit Vmm(ConvertScene& scene) : scene_(scene) {}

  Status Start() const {
    const auto enabled =
        scene_.vm.EnableCap(KVM_CAP_EXIT_HYPERCALL, uint64_t{1} << KVM_HC_MAP_GPA_RANGE);
    if (enabled.ok()) return {};
    return MakeError("{}", enabled.Record().ToString());
  }
  // From now on requests to make memory private are answered with EINVAL, and not carried out.
  void RefusePrivate() { refuses_private_ = true; }

  // Runs the guest up to the first exit that it has no answer to.
  GuestExit Run(GuestCpu& cpu) {
    return cpu.RunUntilDone([&](const GuestExit& guest_exit) { return Serve(cpu, guest_exit); });
  }
  const Served& served() const { return served_; }

 private:
  Then Serve(GuestCpu& cpu, const GuestExit& guest_exit) {
    if (guest_exit.kind == ExitKind::kMemoryFault) return ServeFault(guest_exit.memory_fault);
    if (guest_exit.kind == ExitKind::kInterrupted) return Then::kRunOn;
    if (guest_exit.kind != ExitKind::kHypercall) return Then::kStop;
    ++served_.hypercalls;
    const auto& args = guest_exit.hypercall.args;
    const Kind kind = (args[2] & kEncrypted) != 0 ? Kind::kPrivate : Kind::kShared;
    if (kind == Kind::kPrivate && refuses_private_) {
      cpu.AnswerHypercall(EINVAL);
      return Then::kRunOn;
    }
    const auto converted = scene_.Convert({{args[0]}, Pages(args[1])}, kind);
    cpu.AnswerHypercall(converted.ok() ? 0 : static_cast<uint64_t>(converted.error.value()));
    return Then::kRunOn;
  }
  // Private memory is wanted where there is none: the page becomes a shared one.
  Then ServeFault(const MemoryFaultExit& fault) {
    ++served_.faults;
    if (fault.flags != KVM_MEMORY_EXIT_FLAG_PRIVATE) return Then::kStop;
    return scene_.Convert({fault.gpa, fault.size}, Kind::kShared).ok() ? Then::kRunOn : Then::kStop;
  }

  ConvertScene& scene_;
  Served served_;
  bool refuses_private_ = false;
};

Program& Ask(Program& program, GpaRange range, Kind kind) {
  return program.Hypercall(KVM_HC_MAP_GPA_RANGE, range.start.value, range.size / kPage,
                           kind == Kind::kPrivate ? kEncrypted : 0);
}

// The guest converts its memory page by page, there and back, and finds in each kind what it left.
KCT_TEST(ConvertVmm, ServesAGuestThatConverts, "ATTR-10", "ATTR-11", "HC-06") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  Vmm vmm(scene);
  ASSERT_OK(vmm.Start());
  Program program;
  for (uint64_t page = 0; page < scene.pages(); ++page) {
    const Gpa gpa = scene.GpaOf(page);
    Ask(program, scene.PageOf(page), Kind::kPrivate).Read64(gpa).Expect(kPrivateMark);
    program.Write64(gpa, page).Read64(gpa).Expect(page);
    Ask(program, scene.PageOf(page), Kind::kShared).Read64(gpa).Expect(kSharedMark);
    program.Write64(gpa, kLateMark);
  }
  Ask(program, scene.all(), Kind::kPrivate);
  for (uint64_t page = 0; page < scene.pages(); ++page) {
    program.Read64(scene.GpaOf(page)).Expect(page);
  }
  ASSERT_OK(scene.cpu.Load(program));

  EXPECT_THAT(vmm.Run(scene.cpu), IsDone());

  EXPECT_EQ(vmm.served().hypercalls, static_cast<int>(2 * scene.pages() + 1));
  EXPECT_EQ(vmm.served().faults, 0) << "there was memory of either kind";
  for (std::size_t i = 0; i < program.ops().size(); ++i) {
    EXPECT_EQ(scene.cpu.result(i).unexpected, 0u)
        << ToString(program.ops()[i]) << ": " << ToString(scene.cpu.result(i));
  }
  EXPECT_TRUE(scene.SharedIs(kLateMark));
}

// A guest whose private pages have no memory behind them gets shared ones by its faults, and its
// instruction is made again.
KCT_TEST(ConvertVmm, ServesTheFaultsOfAGuest, "RUN-24", "ATTR-10") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  ASSERT_OK_AND_ASSIGN(const Memslot plain,
                       scene.vm.AddMemslot({.gpa = 2_GiB_gpa, .size = Pages(16)}));
  ASSERT_OK(scene.MustConvert(plain.range(), Kind::kPrivate));
  Vmm vmm(scene);
  ASSERT_OK(scene.cpu.Load(Program()
                               .WriteTouch(plain.range(), kLateMark)
                               .Touch(plain.range())
                               .Expect(kLateMark)
                               .AtomicAdd(plain.gpa(), 1)));

  EXPECT_THAT(vmm.Run(scene.cpu), IsDone());

  EXPECT_EQ(vmm.served().faults, 16);
  EXPECT_EQ(scene.cpu.result(1).unexpected, 0u) << scene.cpu.result(1).unexpected_value;
  EXPECT_EQ(plain.memory().Word({0}), kLateMark + 1);
  EXPECT_EQ(plain.memory().Word(Pages(15)), kLateMark);
}

// A request that is refused has changed nothing, and the guest goes on in the memory that it has.
KCT_TEST(ConvertVmm, MayRefuse, "HC-10", "HC-06", "ATTR-10") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  Vmm vmm(scene);
  ASSERT_OK(vmm.Start());
  vmm.RefusePrivate();
  Program program;
  Ask(program, scene.all(), Kind::kPrivate).Touch(scene.all()).Expect(kSharedMark);
  program.WriteTouch(scene.all(), kLateMark);
  ASSERT_OK(scene.cpu.Load(program));

  EXPECT_THAT(vmm.Run(scene.cpu), IsDone());

  EXPECT_EQ(scene.cpu.result(0).value, uint64_t{EINVAL});
  EXPECT_EQ(scene.cpu.result(1).unexpected, 0u) << scene.cpu.result(1).unexpected_value;
  EXPECT_TRUE(scene.SharedIs(kLateMark));
}

}  // namespace
}  // namespace kct
