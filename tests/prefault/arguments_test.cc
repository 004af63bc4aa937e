// SPDX-License-Identifier: GPL-2.0-only
// What KVM_PRE_FAULT_MEMORY makes of its argument, before it looks at any memory.
#include <sys/mman.h>

#include "harness/abi/host_memory.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/scene.h"

namespace kct {
namespace {

class PrefaultCapability : public VmTest<> {};
class PrefaultArguments : public VmTest<Need::kTdp, Need::kPrefault> {};
class PrefaultUnderShadowPaging : public VmTest<Need::kShadow> {};

// The capability is there, on the system and on a VM, exactly when NPT or EPT is in use.
KCT_TEST(PrefaultCapability, SaysWhetherPagingIsTwoDimensional, "PREFAULT-01") {
  ASSERT_OK_AND_ASSIGN(Vm vm, Vm::Create());
  ASSERT_NE(HostPaging(), Paging::kUnknown) << "no parameter npt or ept to compare with";

  const int expected = HostPaging() == Paging::kTdp ? 1 : 0;

  EXPECT_EQ(vm.kvm().CheckExtension(KVM_CAP_PRE_FAULT_MEMORY), expected);
  EXPECT_EQ(vm.CheckExtension(KVM_CAP_PRE_FAULT_MEMORY), expected);
}

// A VM is no vCPU: the ioctl does not exist there.
KCT_TEST(PrefaultCapability, IsNoIoctlOfVms, "PREFAULT-02") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  const kvm_pre_fault_memory range{.gpa = Scene::kGpa.value, .size = kPage.count};

  EXPECT_THAT(Issue(scene.vm.fd(), KVM_PRE_FAULT_MEMORY, range), FailsWith(ENOTTY));
}

// No flag is defined yet: each of the 64 bits is refused, and the range comes back as it was.
KCT_TEST(PrefaultArguments, RejectsEveryFlag, "PREFAULT-03", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());

  for (int bit = 0; bit < 64; ++bit) {
    EXPECT_THAT(scene.vcpu.PreFaultMemory(
                    {.gpa = Scene::kGpa.value, .size = kPage.count, .flags = uint64_t{1} << bit}),
                FailsWith(EINVAL));
  }
}

struct BadRange {
  const char* what;
  uint64_t gpa;
  uint64_t size;
};

void ExpectAllInvalid(const Vcpu& vcpu, std::initializer_list<BadRange> ranges) {
  for (const BadRange& range : ranges) {
    EXPECT_THAT(vcpu.PreFaultMemory({.gpa = range.gpa, .size = range.size}), FailsWith(EINVAL))
        << range.what;
  }
}

// Start and size are in whole pages.
KCT_TEST(PrefaultArguments, RejectsUnalignedRanges, "PREFAULT-04", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  const uint64_t gpa = Scene::kGpa.value;

  ExpectAllInvalid(scene.vcpu, {{"gpa off by one", gpa + 1, kPage.count},
                                {"gpa in the middle of a page", gpa + 2048, kPage.count},
                                {"size of one byte", gpa, 1},
                                {"size one short of a page", gpa, kPage.count - 1},
                                {"both off", gpa + 8, kPage.count + 8}});
}

// Nothing to do is an error of the caller, not a success.
KCT_TEST(PrefaultArguments, RejectsSizeZero, "PREFAULT-05", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());

  EXPECT_THAT(scene.vcpu.PreFaultMemory({.gpa = Scene::kGpa.value, .size = 0}), FailsWith(EINVAL));
}

// The end has to be a number too: neither past 2^64 nor 2^64 itself.
KCT_TEST(PrefaultArguments, RejectsRangesThatWrap, "PREFAULT-06", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  const uint64_t last_page = ~uint64_t{0} - kPage.count + 1;

  ExpectAllInvalid(scene.vcpu, {{"ends at 2^64", last_page, kPage.count},
                                {"ends past 2^64", last_page, 2 * kPage.count},
                                {"wraps over everything", Scene::kGpa.value, last_page}});
}

// Padding is for later: what stands there does not matter.
KCT_TEST(PrefaultArguments, IgnoresThePadding, "PREFAULT-07") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  kvm_pre_fault_memory range{.gpa = Scene::kGpa.value, .size = scene.slot.size().count};
  for (auto& word : range.padding) word = ~uint64_t{0};

  EXPECT_THAT(scene.vcpu.PreFaultMemory(range), Completes());
}

// An argument that can't be read stops the call before it does anything.
KCT_TEST(PrefaultArguments, FailsOnUnreadableArgument, "PREFAULT-08") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());

  EXPECT_THAT(IssueAt(scene.vcpu.fd(), KVM_PRE_FAULT_MEMORY, nullptr), FailsWith(EFAULT));
}

// An argument that can't be written back hides the result; the pages are there all the same.
KCT_TEST(PrefaultArguments, DoesTheWorkBeforeItFailsToWriteBack, "PREFAULT-09") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_OK_AND_ASSIGN(Mapping page, Mapping::Anonymous(kPage));
  auto* argument = static_cast<kvm_pre_fault_memory*>(page.data());
  *argument = {.gpa = Scene::kGpa.value, .size = kPage.count};
  ASSERT_EQ(ResidenceOf(scene.slot.hva()), Residence::kAbsent);
  ASSERT_TRUE(Protect(page.hva(), kPage, PROT_READ).ok());

  EXPECT_THAT(IssueAt(scene.vcpu.fd(), KVM_PRE_FAULT_MEMORY, argument), FailsWith(EFAULT));
  EXPECT_EQ(ResidenceOf(scene.slot.hva()), Residence::kResident);
}

// Where prefault can't work at all, a bad argument is still named as such.
KCT_TEST(PrefaultUnderShadowPaging, NamesBadArgumentsFirst, "PREFAULT-10") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  const uint64_t gpa = Scene::kGpa.value;

  ExpectAllInvalid(scene.vcpu, {{"unaligned", gpa + 1, kPage.count}, {"empty", gpa, 0}});
  EXPECT_THAT(scene.vcpu.PreFaultMemory({.gpa = gpa, .size = kPage.count, .flags = 1}),
              FailsWith(EINVAL));
}

// Without a stage-2 table indexed by GPA there is nothing to prefault.
KCT_TEST(PrefaultUnderShadowPaging, IsNotSupported, "PREFAULT-13", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());

  EXPECT_THAT(scene.vcpu.PreFault(scene.slot.range()), FailsWith(EOPNOTSUPP));
}

// Only the process whose memory it is may prefault.
KCT_TEST(PrefaultArguments, RefusesAnotherProcess, "PREFAULT-45") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());

  EXPECT_THAT(InChildProcess([&] { return scene.vcpu.PreFault(scene.PageOf(0)).Record(); }),
              FailsWith(EIO));
  EXPECT_THAT(scene.vcpu.PreFault(scene.PageOf(0)), Completes());
}

}  // namespace
}  // namespace kct
