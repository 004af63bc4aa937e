// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/file_calls.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <vector>

#include "harness/abi/host_memory.h"
#include "harness/imitation/operations.h"

namespace kct::imitation {
namespace {

using model::Bug;
using model::Kind;
using model::Operation;

constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

GuestFile& FileOf(const Handle& handle) { return handle.vm->files[handle.index]; }

Operation About(const Handle& handle, Kind kind, uint64_t offset, uint64_t size = 0) {
  Operation op;
  op.kind = kind;
  op.gmem = static_cast<int32_t>(handle.index);
  op.address = offset;
  op.size = size;
  return op;
}

// --- what is mapped -------------------------------------------------------------------------

struct Area {
  Hva start;
  Hva end;
  uint64_t offset = 0;
  uint64_t inode = 0;
};

// A line of /proc/self/maps: start-end permissions offset device inode name.
std::vector<Area> AreasOfThisProcess() {
  std::vector<Area> areas;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream in(line);
    Area area;
    char dash = 0;
    std::string permissions, device;
    in >> std::hex >> area.start.value >> dash >> area.end.value >> permissions >> area.offset >>
        device >> std::dec >> area.inode;
    if (in) areas.push_back(area);
  }
  return areas;
}

uint64_t InodeOf(const UniqueFd& fd) {
  struct stat file = {};
  return fd && fstat(fd.get(), &file) == 0 ? file.st_ino : 0;
}

bool IsOf(const Area& area, const GuestFile& file) {
  return area.inode != 0 && (area.inode == InodeOf(file.fd) || area.inode == InodeOf(file.nothing));
}

bool IsMapped(const GuestFile& file) {
  for (const Area& area : AreasOfThisProcess()) {
    if (IsOf(area, file)) return true;
  }
  return false;
}

std::vector<Handle> FilesOf(const World& world) {
  std::vector<Handle> files = world.kept_by_mappings;
  for (const auto& [fd, handle] : world.handles) {
    if (handle.kind == Handle::Kind::kGuestMemfd) files.push_back(handle);
  }
  return files;
}

// The memory that the host finds in a file that it may not touch: there is none, so that each
// access is a SIGBUS.
int Nothing(GuestFile& file) {
  if (!file.nothing) file.nothing = UniqueFd(memfd_create("kvm-gmem-nothing", MFD_CLOEXEC));
  return file.nothing.get();
}

int WhyNotMapped(const World& world, const Handle& handle, int protection, int flags) {
  if ((protection & PROT_EXEC) != 0) return EPERM;
  const model::GuestMemfd& file = handle.vm->state.files[handle.index];
  const bool mappable = world.Planted(Bug::kEveryFileIsMappable);
  if ((file.flags & GUEST_MEMFD_FLAG_MMAP) == 0 && !mappable) return ENODEV;
  const bool is_private = (flags & MAP_TYPE) == MAP_PRIVATE;
  return is_private && !world.Planted(Bug::kFileIsMappedPrivately) ? EINVAL : 0;
}

// --- advice ---------------------------------------------------------------------------------

int Populate(Stay& stay, const MappedPage& first, Hva start, Bytes size, Kind kind) {
  for (uint64_t i = 0; i < size.count / kPage.count; ++i) {
    const Operation op = About(first.file, kind, (first.page + i) * kPage.count);
    const model::Outcome outcome = Perform(stay, *first.file.vm, op);
    if (outcome.error != Errno()) return FailWith(outcome.error);
  }
  (void)madvise(Pointer(start), size.count,
                kind == Kind::kReadHost ? MADV_POPULATE_READ : MADV_POPULATE_WRITE);
  return 0;
}

int Poison(Stay& stay, const MappedPage& page) {
  const Operation op = About(page.file, Kind::kPoisonGuestMemfd, page.page * kPage.count);
  const model::Outcome outcome = Perform(stay, *page.file.vm, op);
  return outcome.error == Errno() ? 0 : FailWith(outcome.error);
}

bool HasDescriptor(const World& world, const Vm& vm) {
  for (const auto& [fd, handle] : world.handles) {
    if (handle.kind == Handle::Kind::kVm && handle.vm.get() == &vm) return true;
  }
  return false;
}

// For a planted bug: the guest goes on with what is in these pages now.
void KeepPages(Vm& vm, int fd, FileRange range) {
  for (uint64_t offset = range.offset; offset < range.offset + range.size.count;
       offset += kPage.count) {
    std::vector<char>& page = vm.kept[KeyOfFilePage(offset)];
    page.resize(kPage.count);
    if (pread(fd, page.data(), page.size(), static_cast<off_t>(offset)) < 0) page.clear();
  }
}

void Close(Stay& stay, const Handle& handle) {
  Perform(stay, *handle.vm, About(handle, Kind::kCloseGuestMemfd, 0));
}

}  // namespace

std::optional<MappedPage> MappedAt(World& world, Hva address) {
  const std::vector<Handle> files = FilesOf(world);
  if (files.empty()) return std::nullopt;
  for (const Area& area : AreasOfThisProcess()) {
    if (address < area.start || !(address < area.end)) continue;
    for (const Handle& handle : files) {
      if (!IsOf(area, FileOf(handle))) continue;
      return MappedPage{handle, (area.offset + (address - area.start).count) / kPage.count};
    }
  }
  return std::nullopt;
}

// A page that fallocate(2) makes is not seen by mincore(2) until it is touched, so it is.
bool AllocatePage(int fd, uint64_t offset) {
  void* page = mmap(nullptr, kPage.count, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                    static_cast<off_t>(offset));
  if (page == MAP_FAILED) return false;
  const bool made = madvise(page, kPage.count, MADV_POPULATE_WRITE) == 0;
  munmap(page, kPage.count);
  return made;
}

int64_t CountPages(int fd, FileRange range) {
  void* start =
      mmap(nullptr, range.size.count, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(range.offset));
  if (start == MAP_FAILED) return -1;
  std::vector<unsigned char> pages(range.size.count / kPage.count);
  mincore(start, range.size.count, pages.data());
  munmap(start, range.size.count);
  return std::count_if(pages.begin(), pages.end(), [](unsigned char one) { return one & 1; });
}

int AllocateOrPunch(Stay& stay, const Handle& handle, int mode, FileRange range) {
  const World& world = stay.world();
  if (static_cast<int64_t>(range.offset) < 0 || static_cast<int64_t>(range.size.count) <= 0) {
    return FailWith(Errno(EINVAL));
  }
  if (world.Planted(Bug::kFileDoesNotKeepItsVm) && !HasDescriptor(world, *handle.vm)) {
    return FailWith(Errno(EIO));
  }
  const bool punches = mode == kPunch;
  Operation op = About(handle, punches ? Kind::kPunchGuestMemfd : Kind::kAllocateGuestMemfd,
                       range.offset, range.size.count);
  if (!punches) op.flags = static_cast<uint64_t>(mode);
  const model::Outcome outcome = Perform(stay, *handle.vm, op);
  if (outcome.error != Errno()) return FailWith(outcome.error);
  const int fd = FileOf(handle).fd.get();
  if (punches) {
    if (world.Planted(Bug::kPunchedPageStays)) return 0;
    if (world.Planted(Bug::kPunchedPageStaysMapped)) KeepPages(*handle.vm, fd, range);
    return fallocate(fd, kPunch, static_cast<off_t>(range.offset),
                     static_cast<off_t>(range.size.count));
  }
  if (world.Planted(Bug::kAllocationIsLazy)) return 0;
  for (uint64_t done = 0; done < range.size.count; done += kPage.count) {
    if (stay.SignalPending() && !world.Planted(Bug::kAllocationIgnoresSignals)) {
      if (world.Planted(Bug::kInterruptedAllocationIsUndone)) {
        fallocate(fd, kPunch, static_cast<off_t>(range.offset), static_cast<off_t>(done));
      }
      return FailWith(Errno(EINTR));
    }
    if (!AllocatePage(fd, range.offset + done)) return FailWith(Errno(ENOMEM));
    stay.GiveWay();
  }
  return 0;
}

void* MapGuestMemfd(Stay& stay, const Handle& handle, Bytes size, int protection, int flags) {
  if (const int why = WhyNotMapped(stay.world(), handle, protection, flags)) {
    FailWith(Errno(why));
    return MAP_FAILED;
  }
  const Operation read = About(handle, Kind::kReadHost, 0);
  const bool may_touch = Perform(stay, *handle.vm, read).error == Errno();
  GuestFile& file = FileOf(handle);
  void* const mapped =
      mmap(nullptr, size.count, protection, flags, may_touch ? file.fd.get() : Nothing(file), 0);
  if (mapped != MAP_FAILED && stay.world().rules.in_place_conversion) {
    ShowPages(handle, {0, size});
  }
  return mapped;
}

void ShowPages(const Handle& handle, FileRange range) {
  GuestFile& file = FileOf(handle);
  const Vm& vm = *handle.vm;
  const bool shows_all = vm.rules.planted.Is(Bug::kHostKeepsConvertedPage);
  for (const Area& area : AreasOfThisProcess()) {
    if (!IsOf(area, file)) continue;
    for (uint64_t offset = range.offset; offset < range.offset + range.size.count;
         offset += kPage.count) {
      if (offset < area.offset || offset - area.offset >= (area.end - area.start).count) continue;
      const bool hidden = vm.state.files[handle.index].HasPrivate(model::PageOf(offset));
      const int fd = hidden && !shows_all ? Nothing(file) : file.fd.get();
      const Hva page = area.start + Bytes{offset - area.offset};
      mmap(Pointer(page), kPage.count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
           static_cast<off_t>(offset));
    }
  }
}

void HoldPages(Stay& stay, const MappedPage& first, Bytes size, int fd) {
  Operation op = About(first.file, Kind::kHoldGuestMemfd, first.page * kPage.count, size.count);
  op.value = 1;
  Perform(stay, *first.file.vm, op);
  stay.world().handles[fd] = {Handle::Kind::kPins, first.file.vm, first.file.index, first.page,
                              size.count / kPage.count};
}

void LetGoOfPages(Stay& stay, const Handle& pins) {
  const Operation op =
      About(pins, Kind::kHoldGuestMemfd, pins.page * kPage.count, pins.pages * kPage.count);
  Perform(stay, *pins.vm, op);
}

int ActOnGuestMemfd(Stay& stay, const Handle& handle, FileAction action) {
  const bool resizes =
      action == FileAction::kTruncate && stay.world().Planted(Bug::kFileIsResizable);
  if (resizes) return kct::Perform(FileOf(handle).fd.get(), action);
  switch (action) {
    case FileAction::kReadAt:
    case FileAction::kWriteAt:
    case FileAction::kSeek:
      return FailWith(Errno(ESPIPE));
    case FileAction::kOpenAgain:
      return FailWith(Errno(ENXIO));
    default:
      return FailWith(Errno(EINVAL));
  }
}

int AdviseMapping(Stay& stay, const MappedPage& first, Hva start, Bytes size, int advice) {
  switch (advice) {
    case MADV_HWPOISON:
      return Poison(stay, first);
    case MADV_POPULATE_READ:
      return Populate(stay, first, start, size, Kind::kReadHost);
    case MADV_POPULATE_WRITE:
      return Populate(stay, first, start, size, Kind::kWriteHost);
    case MADV_REMOVE:
      if (stay.world().Planted(Bug::kRemovedPagesStay)) return 0;
      // Whether the mapping lets it through this kernel knows.
      if (madvise(Pointer(start), size.count, advice) != 0) return -1;
      return AllocateOrPunch(stay, first.file, kPunch, {first.page * kPage.count, size});
    case kCollapse:
      return stay.world().Planted(Bug::kMappingCollapses) ? 0 : FailWith(Errno(EINVAL));
    case MADV_DONTNEED:
      if (stay.world().Planted(Bug::kDroppedMappingIsPunched)) {
        return AllocateOrPunch(stay, first.file, kPunch, {first.page * kPage.count, size});
      }
      break;
    default:
      break;
  }
  return madvise(Pointer(start), size.count, advice);
}

void CloseOrKeep(Stay& stay, const Handle& handle) {
  World& world = stay.world();
  if (!world.Planted(Bug::kMappingsDoNotKeepTheFile) && IsMapped(FileOf(handle))) {
    world.kept_by_mappings.push_back(handle);
    return;
  }
  Close(stay, handle);
}

void CloseUnmapped(Stay& stay) {
  std::vector<Handle>& kept = stay.world().kept_by_mappings;
  for (std::size_t i = kept.size(); i > 0; --i) {
    const Handle handle = kept[i - 1];
    if (IsMapped(FileOf(handle))) continue;
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i - 1));
    Close(stay, handle);
  }
}

}  // namespace kct::imitation
