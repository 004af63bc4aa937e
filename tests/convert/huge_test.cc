// SPDX-License-Identifier: GPL-2.0-only
// Ranges of 2 MiB that are of one kind, of both, and of one again.
#include <sys/mman.h>

#include "harness/abi/host_memory.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/convert/scene.h"

namespace kct {
namespace {

class ConvertHuge : public VmTest<Need::kSwProtected> {};

constexpr uint64_t kHuge = 512;  // pages

// Two ranges of 2 MiB whose host memory may be huge pages.
Result<ConvertScene> HugeScene() {
  KCT_TRY(ConvertScene scene,
          ConvertScene::Make({.pages = 2 * kHuge, .content = ConvertOptions::Content::kFresh}));
  const CallRecord advised =
      Madvise(scene.shared.hva(), scene.shared.size(), MADV_HUGEPAGE, "madvise HUGEPAGE");
  if (!advised.ok()) return MakeError("{}", advised.ToString());
  scene.FillShared(kSharedMark);
  return scene;
}

// How many entries of 2 MiB there are once the guest has written all pages.
Result<uint64_t> HugeEntriesOfAll(ConvertScene& scene) {
  KCT_TRY_STATUS(scene.Do(Program().WriteTouch(scene.all(), kLateMark)));
  return scene.vm.Statistic("pages_2m");
}

// A page of the other kind splits the range that it is in, and no other. Whole again it may be
// mapped as one.
KCT_TEST(ConvertHuge, IsSplitWhileItIsMixed, "ATTR-12") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, HugeScene());
  ASSERT_OK_AND_ASSIGN(const uint64_t whole, HugeEntriesOfAll(scene));
  ASSERT_REACHED(whole >= 2, "the host has huge pages for both ranges");
  for (const uint64_t page : {uint64_t{0}, uint64_t{5}, kHuge - 1}) {
    ASSERT_THAT(scene.Convert(scene.PageOf(page), Kind::kPrivate), Succeeds());
    ASSERT_OK_AND_ASSIGN(const uint64_t mixed, HugeEntriesOfAll(scene));
    EXPECT_EQ(mixed, whole - 1) << "page " << page << " is private";

    ASSERT_THAT(scene.Convert(scene.PageOf(page), Kind::kShared), Succeeds());
    ASSERT_OK_AND_ASSIGN(const uint64_t again, HugeEntriesOfAll(scene));
    EXPECT_EQ(again, whole) << "page " << page << " is shared again";
  }
}

// A range that begins in one and ends in the other splits both. It takes all private pages of a
// range to make it one again.
KCT_TEST(ConvertHuge, IsSplitByARangeOverItsEdge, "ATTR-12") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, HugeScene());
  ASSERT_OK_AND_ASSIGN(const uint64_t whole, HugeEntriesOfAll(scene));
  ASSERT_REACHED(whole >= 2, "the host has huge pages for both ranges");
  const auto entries_after = [&](uint64_t first, uint64_t count, Kind kind) {
    EXPECT_THAT(scene.Convert(scene.PagesFrom(first, count), kind), Succeeds());
    Result<uint64_t> entries = HugeEntriesOfAll(scene);
    EXPECT_TRUE(entries.ok());
    return entries.ok() ? *entries : 0;
  };
  EXPECT_EQ(entries_after(kHuge - 3, 6, Kind::kPrivate), whole - 2);
  EXPECT_EQ(entries_after(kHuge - 3, 2, Kind::kShared), whole - 2) << "one private page is left";
  EXPECT_EQ(entries_after(kHuge - 1, 1, Kind::kShared), whole - 1) << "none is left in the first";
  EXPECT_EQ(entries_after(kHuge, 3, Kind::kShared), whole);
}

// What is in the pages goes by the page, however they were mapped.
KCT_TEST(ConvertHuge, KeepsKindsApart, "ATTR-12", "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, HugeScene());
  ASSERT_OK(scene.Do(Program().Touch(scene.all()).Expect(kSharedMark)));
  ASSERT_EQ(scene.cpu.result(0).unexpected, 0u);
  constexpr uint64_t kFirst = 200, kCount = 600;
  const GpaRange middle = scene.PagesFrom(kFirst, kCount);
  ASSERT_THAT(scene.Convert(middle, Kind::kPrivate), Succeeds());

  ASSERT_OK(scene.Do(Program().WriteTouch(scene.all(), kLateMark)));

  for (uint64_t page = 0; page < scene.pages(); ++page) {
    const bool is_private = page >= kFirst && page < kFirst + kCount;
    ASSERT_EQ(scene.Word(page), is_private ? kSharedMark : kLateMark) << "page " << page;
  }
  ASSERT_THAT(scene.Convert(middle, Kind::kShared), Succeeds());
  ASSERT_OK(scene.Do(Program().Touch(middle).Expect(kSharedMark)));
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
  ASSERT_THAT(scene.Convert(scene.all(), Kind::kPrivate), Succeeds());
  ASSERT_OK(scene.Do(Program().Touch(middle).Expect(kLateMark)));
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
}

}  // namespace
}  // namespace kct
