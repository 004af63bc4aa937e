// SPDX-License-Identifier: GPL-2.0-only
// Mappings of a file: which can be made, and what the host may do with them.
#include <linux/mempolicy.h>

#include "harness/abi/host_access.h"
#include "harness/abi/host_memory.h"
#include "harness/kvm/guest_memfd.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

class GmemMapping : public VmTest<Need::kGuestMemfd> {};
class GmemOnTwoNodes : public VmTest<Need::kGuestMemfd, Need::kTwoNodes> {};

constexpr int kReadWrite = PROT_READ | PROT_WRITE;
constexpr uint64_t kMark = 0x6d61'726b;

CallRecord TryMap(const GuestMemfd& file, int protection, int flags, Bytes size = Pages(2)) {
  return MapFile(file.fd(), size, protection, flags).call;
}

CallRecord Populate(Hva page, int advice) {
  return Madvise(page, kPage, advice,
                 advice == MADV_POPULATE_READ ? "madvise POPULATE_READ" : "madvise POPULATE_WRITE");
}

// A file without the flag can't be mapped.
KCT_TEST(GmemMapping, NeedsTheFlag, "GMEM-11") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  for (const uint64_t flags : {uint64_t{0}, uint64_t{GUEST_MEMFD_FLAG_INIT_SHARED}}) {
    ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(2), flags));
    EXPECT_THAT(TryMap(file, kReadWrite, MAP_SHARED), FailsWith(ENODEV));
    EXPECT_THAT(TryMap(file, kReadWrite, MAP_PRIVATE), FailsWith(ENODEV));
    EXPECT_THAT(TryMap(file, kReadWrite | PROT_EXEC, MAP_SHARED), FailsWith(EPERM));
  }
}

// One with the flag can be mapped as shared memory, of any size, and not to be executed.
KCT_TEST(GmemMapping, IsSharedAndNotExecutable, "GMEM-11") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  for (const uint64_t flags : {uint64_t{GUEST_MEMFD_FLAG_MMAP}, GuestMemfd::kShared}) {
    ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(2), flags));
    EXPECT_THAT(TryMap(file, kReadWrite | PROT_EXEC, MAP_SHARED), FailsWith(EPERM));
    EXPECT_THAT(TryMap(file, PROT_EXEC, MAP_PRIVATE), FailsWith(EPERM));
    EXPECT_THAT(TryMap(file, kReadWrite, MAP_PRIVATE), FailsWith(EINVAL));
    EXPECT_THAT(TryMap(file, kReadWrite, MAP_SHARED), Succeeds());
    EXPECT_THAT(TryMap(file, PROT_READ, MAP_SHARED), Succeeds());
    EXPECT_THAT(TryMap(file, kReadWrite, MAP_SHARED, Pages(9)), Succeeds());
  }
}

// Nor can a mapping be made executable later.
KCT_TEST(GmemMapping, NeverBecomesExecutable, "GMEM-11") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(2)));
  ASSERT_OK_AND_ASSIGN(const Mapping memory, file.Map());
  EXPECT_THAT(Protect(memory.hva(), kPage, PROT_READ | PROT_EXEC), FailsWith(EACCES));
}

// A page that the host may not have: reads and writes are signals, and bringing it in fails.
void ExpectOutOfReach(Hva page) {
  EXPECT_EQ(TryLoad(page), std::nullopt) << "read";
  EXPECT_FALSE(TryStore(page, kMark)) << "written";
  EXPECT_THAT(Populate(page, MADV_POPULATE_READ), FailsWith(EFAULT));
  EXPECT_THAT(Populate(page, MADV_POPULATE_WRITE), FailsWith(EFAULT));
}

// The end of a shared file is the end of what the host may touch.
KCT_TEST(GmemMapping, EndsWithTheFile, "GMEM-12") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(2)));
  const MapCall mapped = MapFile(file.fd(), Pages(3));
  ASSERT_THAT(mapped.call, Succeeds());

  ExpectOutOfReach(mapped.memory.hva() + Pages(2));

  EXPECT_TRUE(TryStore(mapped.memory.hva() + kPage, kMark));
  EXPECT_EQ(TryLoad(mapped.memory.hva() + kPage), kMark);
  EXPECT_THAT(Populate(mapped.memory.hva(), MADV_POPULATE_WRITE), Succeeds());
}

// In a file that is not shared there is nothing for the host, whoever allocated the page.
KCT_TEST(GmemMapping, OfAPrivateFileIsOutOfReach, "GMEM-12") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file,
                       GuestMemfd::Create(vm, Pages(2), GUEST_MEMFD_FLAG_MMAP));
  ASSERT_OK_AND_ASSIGN(const Mapping memory, file.Map());
  ASSERT_THAT(file.Allocate({0, kPage}), Succeeds());

  ExpectOutOfReach(memory.hva());
  ExpectOutOfReach(memory.hva() + kPage);
}

// What the host drops of its mapping it finds again: it is the file's.
KCT_TEST(GmemMapping, KeepsWhatTheHostDrops, "GMEM-14") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(2)));
  ASSERT_OK_AND_ASSIGN(const Mapping memory, file.Map());
  ASSERT_TRUE(TryStore(memory.hva(), kMark));

  EXPECT_THAT(DropPages(memory.hva(), kPage), Succeeds());

  EXPECT_EQ(TryLoad(memory.hva()), kMark);
}

// MADV_REMOVE is a hole in the file.
KCT_TEST(GmemMapping, IsPunchedByRemove, "GMEM-14") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(2)));
  ASSERT_OK_AND_ASSIGN(const Mapping memory, file.Map());
  ASSERT_TRUE(TryStore(memory.hva(), kMark) && TryStore(memory.hva() + kPage, kMark));

  EXPECT_THAT(Madvise(memory.hva(), kPage, MADV_REMOVE, "madvise REMOVE"), Succeeds());

  EXPECT_EQ(TryLoad(memory.hva()), 0u);
  EXPECT_EQ(TryLoad(memory.hva() + kPage), kMark) << "the page beside it";
}

// Its pages can be locked and not be made huge.
KCT_TEST(GmemMapping, IsLockedAndNotCollapsed, "GMEM-14") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, 2_MiB));
  ASSERT_OK_AND_ASSIGN(const Mapping memory, file.Map());

  EXPECT_EQ(mlock(Pointer(memory.hva()), kPage.count), 0) << LastErrno().Explain();
  EXPECT_EQ(PagesIn(file.fd(), {0, kPage}), 1);
  EXPECT_THAT(Madvise(memory.hva(), 2_MiB, kCollapse, "madvise COLLAPSE"), FailsWith(EINVAL));
  // What is locked is not punched through its mapping.
  EXPECT_THAT(Madvise(memory.hva(), kPage, MADV_REMOVE, "madvise REMOVE"), FailsWith(EINVAL));
}

// A policy is kept with the range of the file, whatever becomes of the mapping that it was set
// through and of the pages.
KCT_TEST(GmemMapping, LeavesItsPolicyWithTheFile, "GMEM-36") {
  constexpr MemoryPolicy kNone{.mode = MPOL_DEFAULT, .nodes = 0};
  constexpr MemoryPolicy kFirstNode{.mode = MPOL_BIND, .nodes = 1};
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(4)));
  {
    ASSERT_OK_AND_ASSIGN(const Mapping memory, file.Map());
    ASSERT_EQ(PolicyOf(memory.hva() + kPage), kNone);
    ASSERT_THAT(BindMemory(memory.hva() + kPage, Pages(2), MPOL_BIND, 1), Succeeds());
  }
  ASSERT_OK_AND_ASSIGN(const Mapping memory, file.Map());
  ASSERT_TRUE(TryStore(memory.hva() + kPage, kMark));
  ASSERT_THAT(file.Punch(file.all()), Succeeds());

  EXPECT_EQ(PolicyOf(memory.hva()), kNone);
  EXPECT_EQ(PolicyOf(memory.hva() + kPage), kFirstNode);
  EXPECT_EQ(PolicyOf(memory.hva() + Pages(2)), kFirstNode);
  EXPECT_EQ(PolicyOf(memory.hva() + Pages(3)), kNone);
}

// New pages come from the node that the policy names, and pages that are there stay where they
// are.
KCT_TEST(GmemOnTwoNodes, TakesNewPagesFromTheNodeOfItsPolicy, "GMEM-36") {
  ASSERT_OK_AND_ASSIGN(const Vm vm, Vm::Create());
  ASSERT_OK_AND_ASSIGN(const GuestMemfd file, GuestMemfd::Create(vm, Pages(8)));
  ASSERT_OK_AND_ASSIGN(const Mapping memory, file.Map());
  for (const int node : {1, 0}) {
    const uint64_t nodes = uint64_t{1} << node;
    ASSERT_THAT(BindMemory(memory.hva(), file.size(), MPOL_BIND, nodes), Succeeds());
    ASSERT_THAT(file.Punch(file.all()), Succeeds());
    ASSERT_THAT(file.Allocate({0, Pages(4)}), Succeeds());
    for (uint64_t page = 0; page < 8; ++page) {
      EXPECT_EQ(NodeOf(memory.hva() + Pages(page)), node) << "page " << page;
    }
  }

  ASSERT_THAT(BindMemory(memory.hva(), file.size(), MPOL_BIND, 1), Succeeds());

  EXPECT_EQ(NodeOf(memory.hva()), 0) << "it was moved";
}

}  // namespace
}  // namespace kct
