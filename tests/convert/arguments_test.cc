// SPDX-License-Identifier: GPL-2.0-only
// KVM_SET_MEMORY_ATTRIBUTES and KVM_CAP_MEMORY_ATTRIBUTES: where they are, and what is refused.
#include "harness/abi/host_access.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/convert/scene.h"

namespace kct {
namespace {

class AttributesIoctl : public VmTest<> {};
class AttributesCapability : public VmTest<> {};
class AttributesArguments : public VmTest<Need::kSwProtected> {};
class ConvertFile : public VmTest<Need::kGuestMemfd> {};
class ConvertPrivateFile : public VmTest<Need::kSwProtected> {};

constexpr uint64_t kPrivateBit = KVM_MEMORY_ATTRIBUTE_PRIVATE;
constexpr uint64_t kLastPage = ~uint64_t{0} - kPage.count + 1;

Call<kvm_memory_attributes> Set(const Vm& vm, const kvm_memory_attributes& wanted) {
  return Issue(vm.fd(), KVM_SET_MEMORY_ATTRIBUTES, wanted);
}

// The ioctl is there exactly where the kernel says so, on VMs that have no use for it as well.
KCT_TEST(AttributesIoctl, ExistsWhereTheCapabilitySaysSo, "ATTR-01") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  const bool offered = vm.kvm().CheckExtension(KVM_CAP_MEMORY_ATTRIBUTES) != 0;
  EXPECT_THAT(vm.SetMemoryAttributes({kHome, kPage}, 0), offered ? Succeeds() : FailsWith(ENOTTY));
}

// A VM without private memory has no attributes, whatever the kernel could do.
KCT_TEST(AttributesCapability, IsNotForDefaultVms, "ATTR-02") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  EXPECT_EQ(vm.CheckExtension(KVM_CAP_MEMORY_ATTRIBUTES), 0);
  EXPECT_THAT(vm.kvm().CheckExtension(KVM_CAP_MEMORY_ATTRIBUTES),
              testing::AnyOf(0, static_cast<int>(kPrivateBit)));
}

// One with private memory has the one attribute that there is, and so has the kernel.
KCT_TEST(AttributesArguments, AreTheOnesOfTheCapability, "ATTR-02", "ATTR-03") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create(VmType::kSwProtected));
  EXPECT_EQ(vm.kvm().CheckExtension(KVM_CAP_MEMORY_ATTRIBUTES), static_cast<int>(kPrivateBit));
  EXPECT_EQ(vm.CheckExtension(KVM_CAP_MEMORY_ATTRIBUTES), static_cast<int>(kPrivateBit));
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t attribute = uint64_t{1} << bit;
    EXPECT_THAT(vm.SetMemoryAttributes({kHome, kPage}, attribute),
                attribute == kPrivateBit ? Succeeds() : FailsWith(EINVAL))
        << "attribute " << bit;
  }
}

// Any flag, an empty range, one that reaches the end of the address space, and parts of pages are
// refused, and nothing has changed.
KCT_TEST(AttributesArguments, ThatAreBadChangeNothing, "ATTR-03") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make({.pages = 4}));
  const uint64_t home = kHome.value, page = kPage.count;
  for (int bit = 0; bit < 64; ++bit) {
    EXPECT_THAT(Set(scene.vm, {.address = home,
                               .size = page,
                               .attributes = kPrivateBit,
                               .flags = uint64_t{1} << bit}),
                FailsWith(EINVAL))
        << "flag " << bit;
  }
  struct Range {
    uint64_t address, size;
  };
  const Range ranges[] = {
      {home, 0},         {0, 0},           {home + 1, page},      {home + page / 2, page},
      {home, page + 1},  {home, 1},        {home, page - 1},      {home, ~uint64_t{0}},
      {kLastPage, page}, {home, 0 - home}, {kLastPage, 2 * page}, {home, kLastPage},
  };
  for (const Range& range : ranges) {
    EXPECT_THAT(
        Set(scene.vm,
            {.address = range.address, .size = range.size, .attributes = kPrivateBit, .flags = 0}),
        FailsWith(EINVAL))
        << fmt::format("address {:#x}, size {:#x}", range.address, range.size);
  }
  ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());
  EXPECT_EQ(kinds, "ssss");
}

// A VM without private memory may ask for no attributes, of any range, and for no other.
KCT_TEST(AttributesArguments, OfADefaultVmAreNone, "ATTR-04", "ATTR-03") {
  ASSERT_OK_AND_ASSIGN(GuestScene scene, GuestScene::Make());
  EXPECT_THAT(scene.vm.SetMemoryAttributes(scene.slot.range(), kPrivateBit), FailsWith(EINVAL));

  EXPECT_THAT(scene.vm.SetMemoryAttributes(scene.slot.range(), 0), Succeeds());
  EXPECT_THAT(scene.vm.SetMemoryAttributes({{0}, {kLastPage}}, 0), Succeeds());

  ASSERT_OK(scene.cpu.Load(Program().Write64(kHome, kSharedMark)));
  EXPECT_THAT(scene.cpu.Run(), IsDone());
  EXPECT_EQ(scene.Word(), kSharedMark);
}

// The argument has to be readable.
KCT_TEST(AttributesArguments, MustBeReadable, "ATTR-15") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create(VmType::kSwProtected));
  for (const uintptr_t address : {uintptr_t{0}, ~uintptr_t{0} - 64}) {
    const void* unreadable = Pointer(Hva{address});
    EXPECT_THAT(IssueAt(vm.fd(), KVM_SET_MEMORY_ATTRIBUTES, unreadable), FailsWith(EFAULT));
  }
}

// No ioctl of KVM is one of the file, the one for attributes not either.
KCT_TEST(ConvertFile, TakesNoIoctl, "CONV-01") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, kPage));
  EXPECT_THAT(Issue(file.fd(), KVM_SET_MEMORY_ATTRIBUTES,
                    kvm_memory_attributes{.address = 0, .size = kPage.count}),
              FailsWith(ENOTTY));
  for (unsigned long number = 0; number < 256; ++number) {
    for (const unsigned long size : {0, 32, 64}) {
      const unsigned long request = _IOC(_IOC_READ | _IOC_WRITE, KVMIO, number, size);
      EXPECT_THAT(IssueAt(file.fd(), request, nullptr), FailsWith(ENOTTY)) << "number " << number;
    }
  }
}

// A VM with private memory has no files that the host may touch: what it shares is elsewhere.
KCT_TEST(ConvertPrivateFile, IsNeverSharedFromTheStart, "CONV-02", "GMEM-03", "GMEM-04") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create(VmType::kSwProtected));
  EXPECT_EQ(vm.CheckExtension(KVM_CAP_GUEST_MEMFD_FLAGS), GUEST_MEMFD_FLAG_MMAP);
  for (const uint64_t flags : {uint64_t{GUEST_MEMFD_FLAG_INIT_SHARED}, GuestMemfd::kShared}) {
    const auto call = vm.CreateGuestMemfd(kPage, flags);
    const UniqueFd made(call.ret);
    EXPECT_THAT(call, FailsWith(EINVAL)) << "flags " << flags;
  }
}

// One that can be mapped serves the guest whatever the attributes say, and never the host.
KCT_TEST(ConvertPrivateFile, ServesBothKindsWhereItCanBeMapped, "CONV-02", "GMEM-29", "GMEM-12") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene,
                       ConvertScene::Make({.flags = GUEST_MEMFD_FLAG_MMAP,
                                           .content = ConvertOptions::Content::kFresh}));
  ASSERT_OK_AND_ASSIGN(const Mapping memory, scene.file.Map());
  scene.FillShared(kSharedMark);
  ASSERT_OK(scene.Do(Program().WriteTouch(scene.all(), kPrivateMark)));
  for (const Kind kind : {Kind::kPrivate, Kind::kShared, Kind::kPrivate}) {
    ASSERT_THAT(scene.Convert(scene.all(), kind), Succeeds());
    ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());
    SCOPED_CLAUSE("GMEM-29");
    EXPECT_EQ(kinds, "pppppppp");
    EXPECT_TRUE(scene.SharedIs(kSharedMark));
  }
  SCOPED_CLAUSE("GMEM-12");
  EXPECT_EQ(TryLoad(memory.hva()), std::nullopt);
  EXPECT_FALSE(TryStore(memory.hva(), kLateMark));
}

}  // namespace
}  // namespace kct
