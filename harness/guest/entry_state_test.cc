// SPDX-License-Identifier: GPL-2.0-only
#include "harness/guest/entry_state.h"

#include <gtest/gtest.h>

#include <optional>

#include "guest/abi.h"

namespace kct {
namespace {

class GuestTables : public testing::Test {
 protected:
  GuestTables() : memory_(*Mapping::Anonymous({guest::kImageGpa - guest::kTablesGpa})) {}

  uint64_t Word(uint64_t gpa) const { return memory_.At<uint64_t>({gpa - guest::kTablesGpa}); }

  // The physical address that an access to `address` reaches: the CPU's walk, bit by bit.
  std::optional<uint64_t> Walk(uint64_t address) const {
    uint64_t table = LongModeSregs({}, 0).cr3;
    for (const int shift : {39, 30, 21}) {
      const uint64_t entry = Word(table + (address >> shift & 511) * 8);
      if ((entry & 1) == 0) return std::nullopt;
      table = entry & 0x000ffffffffff000;
      const bool large = (entry & 1 << 7) != 0;
      if (large != (shift == 21)) return std::nullopt;
    }
    return table + (address & (kHugePage.count - 1));
  }

  Mapping memory_;
};

TEST_F(GuestTables, MapOnlyWhatIsAskedForInWholeGigabytes) {
  IdentityMap map(memory_);
  ASSERT_TRUE(map.Map({4_GiB_gpa + Pages(1), Pages(1)}));
  EXPECT_EQ(Walk(4ull << 30), 4ull << 30);
  EXPECT_EQ(Walk((5ull << 30) - 1), (5ull << 30) - 1);
  EXPECT_EQ(Walk((4ull << 30) - 1), std::nullopt);
  EXPECT_EQ(Walk(5ull << 30), std::nullopt);
}

TEST_F(GuestTables, MapAcrossTheLimitOfAPointerTable) {
  IdentityMap map(memory_);
  ASSERT_TRUE(map.Map({Gpa{512ull << 30} - Pages(1), Pages(2)}));
  EXPECT_EQ(Walk((512ull << 30) - 1), (512ull << 30) - 1);
  EXPECT_EQ(Walk(512ull << 30), 512ull << 30);
}

TEST_F(GuestTables, MapTwiceCostsNothing) {
  IdentityMap map(memory_);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(map.Map({{0}, 8_GiB}));
  EXPECT_EQ(Walk(0x1234567), 0x1234567u);
}

TEST_F(GuestTables, RefuseWhatHasNoCanonicalAddress) {
  IdentityMap map(memory_);
  EXPECT_TRUE(map.Map({Gpa{1ull << 47} - Pages(1), Pages(1)}));
  EXPECT_FALSE(map.Map({Gpa{1ull << 47} - Pages(1), Pages(2)}));
  EXPECT_FALSE(map.Map({Gpa{0} - Pages(1), Pages(2)})) << "wraps";
}

TEST_F(GuestTables, SayWhenThereIsNoRoomForMore) {
  IdentityMap map(memory_);
  EXPECT_TRUE(map.Map({{0}, 50_GiB}));
  EXPECT_FALSE(map.Map({{0}, 100_GiB}));
}

TEST_F(GuestTables, LeadEveryVectorToItsStub) {
  WriteDescriptorTables(memory_);
  const kvm_sregs sregs = LongModeSregs({}, 0);
  EXPECT_EQ(sregs.idt.limit, GUEST_VECTORS * 16 - 1);
  for (uint64_t vector = 0; vector < GUEST_VECTORS; ++vector) {
    const uint64_t low = Word(sregs.idt.base + vector * 16);
    const uint64_t high = Word(sregs.idt.base + vector * 16 + 8);
    const uint64_t target = (low & 0xffff) | (low >> 48) << 16 | high << 32;
    EXPECT_EQ(target, guest::kImageGpa + GUEST_STUBS_OFFSET + vector * GUEST_STUB_SIZE);
    EXPECT_EQ(low >> 16 & 0xffff, sregs.cs.selector);
    EXPECT_EQ(low >> 40 & 0xff, 0x8eu) << "present, interrupt gate";
  }
}

TEST(LongModeSregs, GivesEachCpuAnAreaOfItsOwn) {
  EXPECT_EQ(LongModeSregs({}, 0).gs.base, guest::CpuAreaGpa(0));
  EXPECT_EQ(LongModeSregs({}, 7).gs.base, guest::CpuAreaGpa(7));
  EXPECT_EQ(EntryRegs(7).rsp, guest::CpuAreaGpa(7) + guest::kCpuAreaSize);
}

}  // namespace
}  // namespace kct
