// SPDX-License-Identifier: GPL-2.0-only
#include "harness/imitation/imitated_kvm.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "harness/base/check.h"
#include "harness/imitation/calls.h"
#include "harness/imitation/counted_invalidations.h"
#include "harness/imitation/file_calls.h"
#include "harness/imitation/operations.h"
#include "harness/imitation/stay.h"
#include "harness/imitation/watched_pages.h"

namespace kct {

using imitation::Handle;
using imitation::Stay;
using imitation::World;

namespace {

ImitatedKvm* current = nullptr;

int CloseOurs(int fd) { return current->Close(fd); }

bool HasChild() {
  siginfo_t unused;
  return waitid(P_ALL, 0, &unused, WEXITED | WNOHANG | WNOWAIT) == 0;
}

}  // namespace

ImitatedKvm::ImitatedKvm() {
  KCT_CHECK(current == nullptr);
  PowerOn({});
  current = this;
  closer_of_fds = CloseOurs;
}

ImitatedKvm::~ImitatedKvm() {
  closer_of_fds = close;
  current = nullptr;
}

void ImitatedKvm::PowerOn(const model::Rules& rules) {
  world_ = std::make_unique<World>(rules);
  world_->rules.track_entries = true;
  world_->parameters = {{"kvm_amd.npt", rules.two_dimensional_paging ? "Y" : "N"},
                        {"kvm.nx_huge_pages", "Y"}};
}

// ------- Calls -----------------------------------------------------------------------------------

RawAnswer ImitatedKvm::Ioctl(int fd, unsigned long request, uintptr_t argument) {
  // Another process has a copy of the lock, in whatever state it was.
  if (getpid() != world_->owner) {
    const bool welcome =
        world_->Planted(request == KVM_PRE_FAULT_MEMORY ? model::Bug::kPrefaultIsOpenToOthers
                                                        : model::Bug::kForeignProcessIsWelcome);
    return welcome ? imitation::Returns(0) : imitation::Fails(EIO);
  }
  Stay stay(*world_);
  const auto found = world_->handles.find(fd);
  if (found == world_->handles.end()) return imitation::Fails(fd < 0 ? EBADF : ENOTTY);
  const Handle handle = found->second;
  switch (handle.kind) {
    case Handle::Kind::kSystem:
      return imitation::CallSystem(stay, request, argument);
    case Handle::Kind::kVm:
      return imitation::CallVm(stay, handle.vm, request, argument);
    case Handle::Kind::kVcpu:
      return imitation::CallVcpu(stay, *handle.vm, *handle.vm->vcpus[handle.index], request,
                                 argument);
    case Handle::Kind::kGuestMemfd:
      return imitation::CallFile(stay, handle, request, argument);
    case Handle::Kind::kPins:
      return imitation::Fails(ENOTTY);
  }
  return imitation::Fails(ENOTTY);
}

int ImitatedKvm::Close(int fd) {
  std::optional<Handle> closed;  // whose end may close files itself: not under the lock
  {
    Stay stay(*world_);
    const auto found = world_->handles.find(fd);
    if (found != world_->handles.end()) {
      closed = std::move(found->second);
      world_->handles.erase(found);
      if (closed->kind == Handle::Kind::kGuestMemfd) imitation::CloseOrKeep(stay, *closed);
      if (closed->kind == Handle::Kind::kPins) imitation::LetGoOfPages(stay, *closed);
    }
  }
  return close(fd);
}

// ------- The machine -----------------------------------------------------------------------------

Result<UniqueFd> ImitatedKvm::OpenKvm() {
  UniqueFd fd(memfd_create("kvm", MFD_CLOEXEC));
  if (!fd) return MakeError("memfd_create: {}", LastErrno().Explain());
  Stay stay(*world_);
  world_->handles[fd.get()] = {};
  return fd;
}

// The release that the model is held against.
std::string ImitatedKvm::Release() { return "7.3.4-model"; }

std::string ImitatedKvm::ModuleParameter(std::string_view module, std::string_view parameter) {
  const auto found = world_->parameters.find(fmt::format("{}.{}", module, parameter));
  return found == world_->parameters.end() ? "" : found->second;
}

Status ImitatedKvm::SetModuleParameter(std::string_view module, std::string_view parameter,
                                       std::string_view value) {
  Stay stay(*world_);
  const auto found = world_->parameters.find(fmt::format("{}.{}", module, parameter));
  if (found == world_->parameters.end()) {
    return MakeError("{}.{}: the imitated kernel has no such parameter", module, parameter);
  }
  if (found->second != value) world_->DropAllRoots();
  found->second = value;
  return {};
}

Status ImitatedKvm::LimitObjects(std::optional<Bytes> most) {
  Stay stay(*world_);
  world_->objects.erase(gettid());
  if (most) world_->objects.emplace(gettid(), *most);
  return {};
}

std::optional<KernelView> ImitatedKvm::ViewOf(pid_t tid) {
  std::lock_guard lock(world_->mutex);
  const auto found = world_->threads.find(tid);
  if (found == world_->threads.end()) return std::nullopt;
  return found->second;
}

int ImitatedKvm::Madvise(Hva start, Bytes size, int advice) {
  {
    Stay stay(*world_);
    if (const auto mapped = imitation::MappedAt(*world_, start)) {
      return imitation::AdviseMapping(stay, *mapped, start, size, advice);
    }
  }
  if (advice == MADV_HWPOISON) return FailWith(Errno(EINVAL));
  if (advice == MADV_POPULATE_WRITE) {
    if (world_->Planted(model::Bug::kPopulateClaimsSuccess)) return 0;
    const int result = madvise(Pointer(start), size.count, advice);
    return result != 0 ? result : Populate(start, size);
  }
  if (advice != MADV_DONTNEED) return madvise(Pointer(start), size.count, advice);
  return ChangeMemory(start, size, [&] { return madvise(Pointer(start), size.count, advice); });
}

int ImitatedKvm::Populate(Hva start, Bytes size) {
  Stay stay(*world_);
  for (Hva page = start; page < start + size; page = page + kPage) {
    switch (
        world_->pages.BringIn(stay, page, imitation::Use::kWrite, imitation::Interruptible::kYes)) {
      case imitation::PageState::kThere:
      case imitation::PageState::kLookAgain:
        break;
      case imitation::PageState::kUnusable:
        return FailWith(Errno(EFAULT));
      case imitation::PageState::kPoisoned:
        return FailWith(Errno(EHWPOISON));
      case imitation::PageState::kInterrupted:
        return FailWith(Errno(EINTR));
    }
  }
  return 0;
}

int ImitatedKvm::Mprotect(Hva start, Bytes size, int protection) {
  if ((protection & PROT_EXEC) != 0 && !world_->Planted(model::Bug::kMappingBecomesExecutable)) {
    Stay stay(*world_);
    if (imitation::MappedAt(*world_, start)) return FailWith(Errno(EACCES));
  }
  return ChangeMemory(start, size,
                      [&] { return mprotect(Pointer(start), size.count, protection); });
}

int ImitatedKvm::ChangeMemory(Hva start, Bytes size, const std::function<int()>& change) {
  Stay stay(*world_);
  if (world_->Planted(model::Bug::kInvalidationFailsUnderCalls) && world_->threads.size() > 1) {
    return FailWith(Errno(EBUSY));
  }
  const int result = change();
  if (world_->Planted(model::Bug::kGuestLeavesWithTheChild) && HasChild()) {
    for (const auto& [fd, handle] : world_->handles) {
      if (handle.vm != nullptr) handle.vm->left_with_a_child = true;
    }
  }
  if (result == 0) world_->Invalidate(start, size);
  return result;
}

Result<std::unique_ptr<Invalidations>> ImitatedKvm::CountInvalidations(Hva start, Bytes size) {
  Stay stay(*world_);
  return std::unique_ptr<Invalidations>(
      std::make_unique<imitation::CountedInvalidations>(*world_, start, size));
}

int ImitatedKvm::Munmap(Hva start, Bytes size) {
  const int result = ChangeMemory(start, size, [&] { return munmap(Pointer(start), size.count); });
  Stay stay(*world_);
  imitation::CloseUnmapped(stay);
  return result;
}

int ImitatedKvm::Mbind(Hva start, Bytes size, int mode, uint64_t nodes) {
  if (world_->Planted(model::Bug::kPolicyIsIgnored)) return 0;
  return Host::Mbind(start, size, mode, nodes);
}

Result<std::unique_ptr<WatchedMemory>> ImitatedKvm::WatchMemory(Hva start, Bytes size,
                                                                OnFault on_fault, FaultKind kinds) {
  return std::unique_ptr<WatchedMemory>(std::make_unique<imitation::WatchedPages>(
      *world_, imitation::WatchedRange{start, size, on_fault, kinds}));
}

Result<UniqueFd> ImitatedKvm::PinPages(Hva start, Bytes size) {
  KCT_TRY(UniqueFd pins, Host::PinPages(start, size));
  Stay stay(*world_);
  if (const auto mapped = imitation::MappedAt(*world_, start)) {
    imitation::HoldPages(stay, *mapped, size, pins.get());
  }
  return pins;
}

// ------- Files -----------------------------------------------------------------------------------

namespace {

// The guest_memfd that a descriptor is; nothing: it is something else.
std::optional<Handle> GuestMemfdOf(const World& world, int fd) {
  const auto found = world.handles.find(fd);
  if (found == world.handles.end() || found->second.kind != Handle::Kind::kGuestMemfd) return {};
  return found->second;
}

}  // namespace

int ImitatedKvm::Fallocate(int fd, int mode, uint64_t offset, Bytes size) {
  {
    Stay stay(*world_);
    if (const auto file = GuestMemfdOf(*world_, fd)) {
      return imitation::AllocateOrPunch(stay, *file, mode, {offset, size});
    }
  }
  return Host::Fallocate(fd, mode, offset, size);
}

void* ImitatedKvm::MapFile(int fd, Bytes size, int protection, int flags) {
  {
    Stay stay(*world_);
    if (const auto file = GuestMemfdOf(*world_, fd)) {
      return imitation::MapGuestMemfd(stay, *file, size, protection, flags);
    }
  }
  return Host::MapFile(fd, size, protection, flags);
}

int64_t ImitatedKvm::CountPages(int fd, uint64_t offset, Bytes size) {
  {
    Stay stay(*world_);
    if (GuestMemfdOf(*world_, fd)) return imitation::CountPages(fd, {offset, size});
  }
  return Host::CountPages(fd, offset, size);
}

int ImitatedKvm::OnFile(int fd, FileAction action) {
  {
    Stay stay(*world_);
    if (const auto file = GuestMemfdOf(*world_, fd)) {
      return imitation::ActOnGuestMemfd(stay, *file, action);
    }
  }
  return Host::OnFile(fd, action);
}

}  // namespace kct
