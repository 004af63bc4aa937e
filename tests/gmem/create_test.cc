// SPDX-License-Identifier: GPL-2.0-only
// What KVM says about guest_memfd, and which files it makes.
#include <fcntl.h>

#include "harness/kvm/guest_memfd.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

class GmemCapability : public VmTest<Need::kGuestMemfd> {};
class GmemIoctl : public VmTest<> {};
class GmemCreation : public VmTest<Need::kGuestMemfd> {};

constexpr uint64_t kOffered = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
constexpr Bytes kLargest = {(uint64_t{1} << 63) - kPage.count};

// Makes a file and closes it again.
Call<kvm_create_guest_memfd> TryFile(const Vm& vm, Bytes size, uint64_t flags = 0) {
  const auto call = vm.CreateGuestMemfd(size, flags);
  const UniqueFd made(call.ret);
  return call;
}

// The capability is the kernel's and every VM's.
KCT_TEST(GmemCapability, IsThereForEveryVm, "GMEM-01") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  EXPECT_EQ(vm.kvm().CheckExtension(KVM_CAP_GUEST_MEMFD), 1);
  EXPECT_EQ(vm.CheckExtension(KVM_CAP_GUEST_MEMFD), 1);
}

// A VM without private memory may use both flags.
KCT_TEST(GmemCapability, NamesTheFlags, "GMEM-03") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  EXPECT_EQ(vm.kvm().CheckExtension(KVM_CAP_GUEST_MEMFD_FLAGS), static_cast<int>(kOffered));
  EXPECT_EQ(vm.CheckExtension(KVM_CAP_GUEST_MEMFD_FLAGS), static_cast<int>(kOffered));
}

// The ioctl is there exactly where the kernel says that it has guest_memfd.
KCT_TEST(GmemIoctl, ExistsWhereTheCapabilitySaysSo, "GMEM-02") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  const bool offered = vm.kvm().CheckExtension(KVM_CAP_GUEST_MEMFD) == 1;
  EXPECT_THAT(TryFile(vm, kPage), offered ? Succeeds() : FailsWith(ENOTTY));
}

// Whatever else is set in flags is refused, alone and with the flags that are offered.
KCT_TEST(GmemCreation, RefusesFlagsThatAreNotOffered, "GMEM-04") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t flag = uint64_t{1} << bit;
    if ((flag & kOffered) != 0) continue;
    EXPECT_THAT(TryFile(vm, kPage, flag), FailsWith(EINVAL)) << "flag " << bit;
    EXPECT_THAT(TryFile(vm, kPage, flag | kOffered), FailsWith(EINVAL)) << "with flag " << bit;
  }
}

// Neither flag needs the other.
KCT_TEST(GmemCreation, AcceptsEachCombinationOfFlags, "GMEM-05") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  for (uint64_t flags = 0; flags <= kOffered; ++flags) {
    EXPECT_THAT(TryFile(vm, kPage, flags), Succeeds()) << "flags " << flags;
  }
}

// A size is a positive number of pages; as a signed number, as all sizes of files are.
KCT_TEST(GmemCreation, RefusesSizesThatAreNoPages, "GMEM-06") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  for (const uint64_t size :
       {uint64_t{0}, uint64_t{1}, uint64_t{100}, kPage.count - 1, kPage.count + 1,
        uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{0} - kPage.count + 1, (uint64_t{1} << 63) - 1}) {
    EXPECT_THAT(TryFile(vm, {size}), FailsWith(EINVAL)) << "size " << size;
  }
}

// A file takes no memory, so that even the largest one is made.
KCT_TEST(GmemCreation, TakesAnySizeOfPages, "GMEM-06") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  for (const Bytes size : {kPage, Pages(3), Bytes{uint64_t{1} << 40}, kLargest}) {
    EXPECT_THAT(TryFile(vm, size), Succeeds()) << "size " << size.count;
  }
}

// Nobody looks at the reserved words.
KCT_TEST(GmemCreation, IgnoresTheReservedWords, "GMEM-07") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  kvm_create_guest_memfd wanted{.size = kPage.count};
  for (auto& word : wanted.reserved) word = ~uint64_t{0};
  const auto call = Issue(vm.fd(), KVM_CREATE_GUEST_MEMFD, wanted);
  const UniqueFd made(call.ret);
  EXPECT_THAT(call, Succeeds());
}

// An argument where nothing is mapped.
KCT_TEST(GmemCreation, FailsOnUnreadableArgument, "GMEM-38") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  const auto call = IssueAt(vm.fd(), KVM_CREATE_GUEST_MEMFD, nullptr);
  EXPECT_THAT(call, FailsWith(EFAULT));
}

// The descriptor may be read and written through by its flags, and a program that is executed
// inherits it.
KCT_TEST(GmemCreation, GivesADescriptorThatSurvivesExec, "GMEM-08") {
  constexpr int kLargeFile = 0100000;  // O_LARGEFILE, which the C library of 64-bit hides
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, kPage));
  EXPECT_EQ(fcntl(file.fd(), F_GETFL), O_RDWR | kLargeFile);
  EXPECT_EQ(fcntl(file.fd(), F_GETFD), 0);
}

}  // namespace
}  // namespace kct
