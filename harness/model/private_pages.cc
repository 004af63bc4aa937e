// SPDX-License-Identifier: GPL-2.0-only
// Pages of a guest_memfd that are the guest's: SNP's reverse map (svm/sev.c:sev_gmem_make_private,
// sev_gmem_make_shared), TDX's secure table (vmx/tdx.c:tdx_sept_map_leaf_spte, …_remove_leaf_spte).
#include "harness/model/families.h"

namespace kct::model {
namespace {

constexpr uint64_t kPagesOfHugeEntry = 512;
// What PVALIDATE answers where the entry is smaller than the page that it is asked about.
constexpr uint64_t kSizeMismatch = 6;

void Split(const Rules& rules, Rare& rare, int32_t gmem, uint64_t page) {
  if (rules.planted.Is(Bug::kSizeMismatchIsNotSplit)) return;
  for (PrivatePage& one : rare.pages) {
    if (one.gmem != gmem || one.page / kPagesOfHugeEntry != page / kPagesOfHugeEntry) continue;
    one.huge = false;
    if (rules.planted.Is(Bug::kSplitForgetsValidation)) one.usable = false;
  }
}

// A page of the file becomes the guest's: with its neighbours if one entry can hold them all.
void Assign(const Rules& rules, State& state, const Slot& slot, uint64_t gfn) {
  if (rules.planted.Is(Bug::kFaultLeavesPageShared)) return;
  Rare& rare = state.rare.Write();
  const uint64_t page = FilePageOf(slot, gfn);
  if (rare.FindPage(slot.gmem, page) != nullptr) return;
  const uint64_t first = page - page % kPagesOfHugeEntry;
  const bool fits = first >= slot.gmem_page &&
                    first + kPagesOfHugeEntry <= slot.gmem_page + slot.pages &&
                    (slot.gfn + first - slot.gmem_page) % kPagesOfHugeEntry == 0;
  if (rules.vm_type != VmType::kSnp || !rules.huge_private_pages || !fits) {
    rare.pages.push_back({slot.gmem, page, gfn, false, false});
    return;
  }
  for (uint64_t i = 0; i < kPagesOfHugeEntry; ++i) {
    rare.pages.push_back(
        {slot.gmem, first + i, slot.gfn + first + i - slot.gmem_page, false, true});
  }
}

void Accept(Pending& call, Rare& rare, int32_t gmem, uint64_t page) {
  PrivatePage* first = rare.FindPage(gmem, page);
  const bool huge = call.op.size > kPageBytes;
  if (first == nullptr || huge != first->huge) {
    call.outcome.value = kSizeMismatch;
    return;
  }
  for (PrivatePage& one : rare.pages) {
    if (one.gmem == gmem && one.page - page < PageOf(call.op.size)) one.usable = true;
  }
}

}  // namespace

void TakePrivatePage(const Rules& rules, State& state, uint64_t gfn) {
  if (rules.vm_type != VmType::kSnp && rules.vm_type != VmType::kTdx) return;
  const Slot* slot = state.FindSlot(0, gfn);
  if (slot != nullptr && slot->gmem >= 0) Assign(rules, state, *slot, gfn);
}

Landing LandOnPrivatePage(const Rules& rules, State& state, Pending& call) {
  const uint64_t gfn = PageOf(call.op.address);
  const Slot* slot = state.FindSlot(0, gfn);
  if (slot == nullptr || slot->gmem < 0) return Landing::kInMemory;
  if (rules.vm_type == VmType::kSoftwareProtected) return Landing::kInMemory;
  TakePrivatePage(rules, state, gfn);
  Rare& rare = state.rare.Write();
  const uint64_t page = FilePageOf(*slot, gfn);
  if (call.op.kind == Kind::kAccept) {
    Accept(call, rare, slot->gmem, page);
    return Landing::kElsewhere;
  }
  const PrivatePage* landed = rare.FindPage(slot->gmem, page);
  if ((landed != nullptr && landed->usable) || rules.vm_type == VmType::kTdx) {
    return Landing::kInMemory;
  }
  call.outcome.exception = true;
  return Landing::kElsewhere;
}

void SplitEntry(const Rules& rules, State& state, uint64_t gfn) {
  const Slot* slot = state.FindSlot(0, gfn);
  Split(rules, state.rare.Write(), slot->gmem, FilePageOf(*slot, gfn));
}

void ReleasePages(const Rules& rules, State& state, int32_t gmem, uint64_t first, uint64_t last) {
  if (state.rare->pages.empty() || rules.planted.Is(Bug::kFreedPageStaysPrivate)) return;
  std::erase_if(state.rare.Write().pages, [&](const PrivatePage& page) {
    return page.gmem == gmem && page.page >= first && page.page <= last;
  });
}

void DropSecureEntries(const Rules& rules, State& state, uint64_t first, uint64_t last) {
  if (rules.vm_type != VmType::kTdx || state.rare->pages.empty()) return;
  std::erase_if(state.rare.Write().pages,
                [&](const PrivatePage& page) { return page.gfn >= first && page.gfn <= last; });
}

}  // namespace kct::model
