// SPDX-License-Identifier: GPL-2.0-only
// Prefault of slots whose memory is a guest_memfd.
#include <sys/mman.h>

#include "harness/abi/host_memory.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "harness/testing/scene.h"
#include "harness/testing/sigbus.h"

namespace kct {
namespace {

class PrefaultGuestMemfd
    : public VmTest<Need::kTdp, Need::kPrefault, Need::kRegion2, Need::kGuestMemfd> {
 protected:
  static constexpr Gpa kGpa = 8_GiB_gpa;

  // Adds a slot of one page at kGpa, backed by a new guest_memfd that can be mapped.
  static Result<UniqueFd> AddGuestMemfdSlot(const Vm& vm) {
    const auto created =
        vm.CreateGuestMemfd(kPage, GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
    if (!created.ok()) return MakeError("{}", created.Record().ToString());
    UniqueFd gmem(created.ret);
    const auto added = vm.SetUserMemoryRegion2({.slot = 100,
                                                .flags = KVM_MEM_GUEST_MEMFD,
                                                .guest_phys_addr = kGpa.value,
                                                .memory_size = kPage.count,
                                                .guest_memfd = static_cast<uint32_t>(gmem.get())});
    if (!added.ok()) return MakeError("{}", added.Record().ToString());
    return gmem;
  }

  static void ExpectMemoryFault(const Vcpu& vcpu) {
    EXPECT_EQ(vcpu.run().exit_reason, static_cast<uint32_t>(KVM_EXIT_MEMORY_FAULT));
    EXPECT_EQ(vcpu.MemoryFault().gpa, kGpa.value);
    EXPECT_EQ(vcpu.MemoryFault().size, kPage.count);
    EXPECT_EQ(vcpu.MemoryFault().flags, 0u) << "a default VM has no private memory";
  }
};

// A file that is gone leaves nothing to map; kvm_run says which page it was.
KCT_TEST(PrefaultGuestMemfd, DescribesAPageWhoseFileIsGone, "PREFAULT-33", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_OK_AND_ASSIGN(UniqueFd gmem, AddGuestMemfdSlot(scene.vm));
  ASSERT_THAT(scene.vcpu.PreFault({kGpa, kPage}), Completes());

  gmem.Reset();

  EXPECT_THAT(scene.vcpu.PreFault({kGpa, kPage}), FailsWith(EFAULT));
  ExpectMemoryFault(scene.vcpu);
}

// A page that the kernel has given up as faulty is an errno of its own.
KCT_TEST(PrefaultGuestMemfd, NamesPoison, "PREFAULT-34", "PREFAULT-19") {
  ASSERT_OK_AND_ASSIGN(Scene scene, Scene::Make());
  ASSERT_OK_AND_ASSIGN(const UniqueFd gmem, AddGuestMemfdSlot(scene.vm));
  ASSERT_OK_AND_ASSIGN(const Mapping mapped, Mapping::OfFile(gmem.get(), kPage));
  mapped.At<uint64_t>({0}) = 1;
  const SigbusCatcher catcher;  // the kernel tells whoever has the page mapped
  // What the call says is not what it did: the page is poisoned even where it reports EBUSY.
  Madvise(mapped.hva(), kPage, MADV_HWPOISON, "madvise HWPOISON");

  EXPECT_THAT(scene.vcpu.PreFault({kGpa, kPage}), FailsWith(EHWPOISON));
  ExpectMemoryFault(scene.vcpu);
}

}  // namespace
}  // namespace kct
