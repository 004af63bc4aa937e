// SPDX-License-Identifier: GPL-2.0-only
#include "tests/notifier/place.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "guest/abi.h"
#include "harness/abi/host_memory.h"
#include "harness/abi/mm_uapi.h"
#include "harness/base/tape.h"
#include "harness/testing/report.h"

namespace kct {
namespace {

constexpr uint64_t kNewBit = 0x4000'0000;
constexpr const char* kReservedHugePages = "/proc/sys/vm/nr_hugepages";
constexpr Bytes kDiskSize = 16_MiB;

bool IsFile(Memory memory) {
  return memory == Memory::kSharedFile || memory == Memory::kPrivateFile ||
         memory == Memory::kProgram || memory == Memory::kDisk;
}

int MapOver(Hva at, Bytes size, int protection, int flags, int fd = -1) {
  const void* mapped = mmap(Pointer(at), size.count, protection, flags | MAP_FIXED, fd, 0);
  return mapped == MAP_FAILED ? -1 : 0;
}

void Store(Hva at, uint64_t word) { *static_cast<volatile uint64_t*>(Pointer(at)) = word; }

}  // namespace

Place::Place(const Source& source, PageSize page_size)
    : source_(&source),
      page_(page_size == PageSize::k4K ? kPage : kHugePage),
      size_(page_size == PageSize::k4K ? Pages(kMarks) : kHugePage) {
  if (source.after == After::kPoison) sigbus_.emplace();
}

Result<std::unique_ptr<Place>> Place::Make(const Source& source, PageSize page_size) {
  std::unique_ptr<Place> place(new Place(source, page_size));
  // Nobody else's memory comes to be in between, nor next to a gap.
  const Bytes reserved = kApart + kHugePage * 2;
  void* start =
      mmap(nullptr, reserved.count, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return MakeError("mmap: {}", LastErrno().Explain());
  place->start_ = {(HvaOf(start).value + kHugePage.count - 1) & ~(kHugePage.count - 1)};
  if (source.memory == Memory::kHugetlb && place->Set(kReservedHugePages, "8") != 0) {
    return MakeError("{}: {}", kReservedHugePages, LastErrno().Explain());
  }
  if (source.memory == Memory::kDisk) KCT_TRY_STATUS(place->MakeDisk());
  PutOnTape(TapeKind::kMemoryLent, place->start_.value, place->size_.count);
  if (const CallRecord made = place->Renew(); !made.ok()) return MakeError("{}", made.ToString());
  return place;
}

Place::~Place() {
  if (late_) {
    ReportInconclusive(fmt::format("the kernel did not come to {} in time", source_->name));
  }
  EndCopy();
  munmap(Pointer(start_), (kApart + kHugePage).count);
  for (const auto& [knob, before] : knobs_) std::ofstream(knob) << before;
}

uint64_t Place::Old(std::size_t mark) const {
  if (source_->before == Before::kUntouched) return 0;
  return guest::FunctionReturning(static_cast<uint32_t>(round_ * kMarks + mark));
}

uint64_t Place::New(std::size_t mark) const {
  return guest::FunctionReturning(static_cast<uint32_t>(kNewBit | (round_ * kMarks + mark)));
}

uint64_t Place::Final(std::size_t mark) const {
  switch (source_->after) {
    case After::kNewWords:
      return New(mark);
    case After::kZeros:
    case After::kOldWordsOrZeros:
      return 0;
    default:
      return Old(mark);
  }
}

// ------- Round by round --------------------------------------------------------------------------

CallRecord Place::Renew() {
  ++round_;
  watch_.reset();
  kept_.clear();
  const UniqueFd before = std::move(file_);  // closed behind the change, see Host::ChangeMemory
  return ChangeMemory(start_, size_, "renewal of the memory", [&] { return MapAnew(); });
}

CallRecord Place::Fire() {
  CallRecord fired =
      ChangeMemory(start_, size_, source_->name.data(), [&] { return source_->fire(*this); });
  if (fired.error == Errno(ETIME)) {
    late_ = true;
    fired.ret = 0;
    fired.error = Errno();
  }
  return fired;
}

int Place::MapAnew() {
  EndCopy();
  // If somebody else's memory had come into the gap, mapping ours over it would take it away.
  if (gap_ && mmap(Pointer(start_), size_.count, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED) {
    return -1;
  }
  gap_ = false;
  if (MapOver(spare(), size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS) != 0) return -1;
  const bool of_file = IsFile(source_->memory);
  if ((of_file && MapFile() != 0) || Map(start_) != 0) return -1;
  if (source_->before == Before::kOldWords && !of_file) StoreOld(start_);
  return source_->prepare != nullptr ? source_->prepare(*this) : 0;
}

int Place::MapFile() {
  if (disk_) {
    file_ = UniqueFd(open(disk_->path().c_str(), O_RDWR | O_CLOEXEC));
    const std::string zeros(size_.count, '\0');
    if (!file_ || pwrite(file_.get(), zeros.data(), zeros.size(), 0) < 0) return -1;
  } else {
    file_ = UniqueFd(memfd_create("place", MFD_CLOEXEC));
    if (!file_ || ftruncate(file_.get(), static_cast<off_t>(size_.count)) != 0) return -1;
  }
  if (source_->before == Before::kUntouched) return 0;
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    const uint64_t word = Old(mark);
    const auto at = static_cast<off_t>(MarkAt(mark).count);
    if (pwrite(file_.get(), &word, sizeof word, at) != sizeof word) return -1;
  }
  return 0;
}

// ------- For sources -----------------------------------------------------------------------------

int Place::Unmap() {
  gap_ = true;
  return munmap(Pointer(start_), size_.count);
}

int Place::MoveTo(Hva target) {
  gap_ = true;
  const void* moved = mremap(Pointer(start_), size_.count, size_.count,
                             MREMAP_MAYMOVE | MREMAP_FIXED, Pointer(target));
  return moved == MAP_FAILED ? -1 : 0;
}

int Place::Map(Hva at) const {
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  switch (source_->memory) {
    case Memory::kSharedFile:
    case Memory::kDisk:
      return MapOver(at, size_, kProtection, MAP_SHARED, file());
    case Memory::kPrivateFile:
      return MapOver(at, size_, kProtection, MAP_PRIVATE, file());
    case Memory::kProgram:
      return MapOver(at, size_, PROT_READ | PROT_EXEC, MAP_PRIVATE, file());
    case Memory::kHugetlb:
      return MapOver(at, size_, kProtection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB);
    case Memory::kAnonymous:
      break;
  }
  if (MapOver(at, size_, kProtection, MAP_PRIVATE | MAP_ANONYMOUS) != 0) return -1;
  if (page_ == kHugePage) return madvise(Pointer(at), size_.count, MADV_HUGEPAGE);
  madvise(Pointer(at), size_.count, MADV_NOHUGEPAGE);  // fails where there are none anyway
  return 0;
}

void Place::StoreOld(Hva at) const {
  for (std::size_t mark = 0; mark < kMarks; ++mark) Store(at + MarkAt(mark), Old(mark));
}

void Place::StoreNew(Hva at) const {
  for (std::size_t mark = 0; mark < kMarks; ++mark) Store(at + MarkAt(mark), New(mark));
}

int Place::WriteNewToFile() const {
  for (std::size_t mark = 0; mark < kMarks; ++mark) {
    const uint64_t word = New(mark);
    const auto at = static_cast<off_t>(MarkAt(mark).count);
    if (pwrite(file(), &word, sizeof word, at) != sizeof word) return -1;
  }
  return 0;
}

int Place::Watch(Hva start, FaultKind kind, OnFault on_fault) {
  Result<Userfaultfd> watch = Userfaultfd::Register(start, size_, on_fault, kind);
  if (!watch) return -1;
  watch_.emplace(std::move(*watch));
  return 0;
}

Status Place::MakeDisk() {
  KCT_TRY(Zram disk, Zram::Make(kDiskSize));
  disk_.emplace(std::move(disk));
  return {};
}

int Place::UseSwap() {
  if (disk_) return 0;
  return MakeDisk() && disk_->UseForSwap() ? 0 : FailWith(Errno(ENODEV));
}

int Place::Set(const std::string& knob, const std::string& value) {
  std::string before;
  std::getline(std::ifstream(knob), before);
  if (before == value) return 0;
  knobs_.emplace(knob, before);
  std::ofstream file(knob);
  return file << value << std::flush ? 0 : -1;
}

int Place::KeepCopy() {
  copy_ = fork();
  if (copy_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  return copy_ > 0 ? 0 : -1;
}

void Place::EndCopy() {
  if (copy_ <= 0) return;
  kill(copy_, SIGKILL);
  waitpid(copy_, nullptr, 0);
  copy_ = 0;
}

}  // namespace kct
