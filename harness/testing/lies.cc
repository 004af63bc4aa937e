// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/lies.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <set>

#include "harness/kvm/kvm.h"

namespace kct {
namespace {

constexpr RawAnswer kSuccess{0, Errno()};
RawAnswer Failure(int error) { return {-1, Errno(error)}; }

bool IsRegion(unsigned long request) {
  return request == KVM_SET_USER_MEMORY_REGION || request == KVM_SET_USER_MEMORY_REGION2;
}

// Both region structures begin alike.
kvm_userspace_memory_region& Region(uintptr_t argument) {
  return *reinterpret_cast<kvm_userspace_memory_region*>(argument);
}

kvm_pre_fault_memory& Prefault(uintptr_t argument) {
  return *reinterpret_cast<kvm_pre_fault_memory*>(argument);
}

// The structure that a vCPU shares with KVM_RUN; the fd says so by being mappable.
kvm_run* RunOf(int vcpu_fd) {
  void* run = mmap(nullptr, kPage.count, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd, 0);
  return run == MAP_FAILED ? nullptr : static_cast<kvm_run*>(run);
}

void SetExitReason(int vcpu_fd, uint32_t reason) {
  if (kvm_run* run = RunOf(vcpu_fd)) {
    run->exit_reason = reason;
    munmap(run, kPage.count);
  }
}

// The first page of a slot's memory is zero from now on.
void LosePage(const kvm_userspace_memory_region& region) {
  std::memset(reinterpret_cast<void*>(region.userspace_addr), 0, kPage.count);
}

kvm_memory_attributes& Attributes(uintptr_t argument) {
  return *reinterpret_cast<kvm_memory_attributes*>(argument);
}

// Another mode than the one asked for.
RawAnswer ConvertInPlace(Backend& kernel, int fd, uintptr_t argument, __u64 asked, __u64 done) {
  KvmMemoryAttributes2 changed = *reinterpret_cast<const KvmMemoryAttributes2*>(argument);
  if (changed.flags == asked) changed.flags = done;
  return kernel.Ioctl(fd, kKvmSetMemoryAttributes2, reinterpret_cast<uintptr_t>(&changed));
}

// A memfd of three pages, at the descriptor `fd`, which is closed; -1: at another one.
int MakeMemfd(int fd) {
  const int memfd = memfd_create("no guest_memfd", 0);
  (void)!ftruncate(memfd, static_cast<off_t>(Pages(3).count));
  if (fd < 0) return memfd;
  dup2(memfd, fd);
  close(memfd);
  return fd;
}

// The last arguments are a block that may return an answer; without one the kernel's stands.
#define KCT_LIE(name, description, ...)                                                       \
  Lie {                                                                                       \
    name, description,                                                                        \
        [](Backend& kernel, int fd, unsigned long request, uintptr_t argument) -> RawAnswer { \
          __VA_ARGS__ return kernel.Ioctl(fd, request, argument);                             \
        }                                                                                     \
  }

const std::array kLies{
    KCT_LIE("prefault-claims-success", "a prefault that failed returns 0 with nothing left",
            {
              if (request == KVM_PRE_FAULT_MEMORY) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                if (answer.ret == 0) return answer;
                if (answer.error != Errno(EFAULT)) Prefault(argument).size = 0;
                return kSuccess;
              }
            }),
    KCT_LIE("prefault-does-nothing", "a prefault returns 0 with nothing left, and did nothing",
            {
              if (request == KVM_PRE_FAULT_MEMORY) {
                Prefault(argument).gpa += Prefault(argument).size;
                Prefault(argument).size = 0;
                return kSuccess;
              }
            }),
    KCT_LIE("prefault-refuses", "every prefault returns EINVAL and does nothing",
            {
              if (request == KVM_PRE_FAULT_MEMORY) return Failure(EINVAL);
            }),
    KCT_LIE("prefault-wrong-errno", "a prefault that failed returns EIO",
            {
              if (request == KVM_PRE_FAULT_MEMORY) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                return answer.ret == 0 ? answer : Failure(EIO);
              }
            }),
    KCT_LIE("prefault-forgets-progress", "a prefault does not write back what is left",
            {
              if (request == KVM_PRE_FAULT_MEMORY) {
                const kvm_pre_fault_memory before = Prefault(argument);
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                if (answer.ret == 0) Prefault(argument) = before;
                return answer;
              }
            }),
    KCT_LIE("prefault-eats-range", "a prefault that failed takes a page off its argument",
            {
              if (request == KVM_PRE_FAULT_MEMORY) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                if (answer.ret != 0 && answer.error != Errno(EFAULT)) {
                  Prefault(argument).gpa += kPage.count;
                  Prefault(argument).size -= kPage.count;
                }
                return answer;
              }
            }),
    KCT_LIE("prefault-overshoots", "a prefault says that it did a page more than asked",
            {
              if (request == KVM_PRE_FAULT_MEMORY) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                if (answer.ret == 0) Prefault(argument).gpa += kPage.count;
                return answer;
              }
            }),
    KCT_LIE("prefault-touches-run", "a prefault overwrites kvm_run.exit_reason",
            {
              if (request == KVM_PRE_FAULT_MEMORY) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                SetExitReason(fd, KVM_EXIT_DEBUG);
                return answer;
              }
            }),
    KCT_LIE("prefault-says-again", "a prefault that succeeded returns EAGAIN",
            {
              if (request == KVM_PRE_FAULT_MEMORY) {
                const kvm_pre_fault_memory before = Prefault(argument);
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                if (answer.ret != 0) return answer;
                Prefault(argument) = before;
                return Failure(EAGAIN);
              }
            }),
    KCT_LIE("prefault-enoent-for-eagain", "a prefault returns ENOENT where it should be EAGAIN",
            {
              if (request == KVM_PRE_FAULT_MEMORY) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                return answer.error == Errno(EAGAIN) ? Failure(ENOENT) : answer;
              }
            }),
    KCT_LIE("prefault-never-returns", "a prefault waits for a signal that does not come",
            {
              if (request == KVM_PRE_FAULT_MEMORY) {
                pause();
                return Failure(EINTR);
              }
            }),
    KCT_LIE("region-claims-success", "a slot change that failed returns 0",
            {
              if (IsRegion(request)) {
                kernel.Ioctl(fd, request, argument);
                return kSuccess;
              }
            }),
    KCT_LIE("region-refuses-change", "a change of a slot that exists returns EINVAL, undone",
            {
              if (IsRegion(request)) {
                static std::set<uint32_t> slots;
                if (!slots.insert(Region(argument).slot).second) return Failure(EINVAL);
              }
            }),
    KCT_LIE("region-wrong-errno", "a slot change that failed returns EIO",
            {
              if (IsRegion(request)) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                return answer.ret == 0 ? answer : Failure(EIO);
              }
            }),
    KCT_LIE("region-delete-ignored", "deleting a slot returns 0 and does nothing",
            {
              if (IsRegion(request) && Region(argument).memory_size == 0) return kSuccess;
            }),
    KCT_LIE("region-ignored", "slot changes beyond the first two return 0 and do nothing",
            {
              if (IsRegion(request)) {
                static int changes = 0;
                if (++changes > 2) return kSuccess;
              }
            }),
    KCT_LIE("region-never-returns", "deleting a slot waits for a signal that does not come",
            {
              if (IsRegion(request) && Region(argument).memory_size == 0) {
                pause();
                return Failure(EINTR);
              }
            }),
    KCT_LIE("region-does-not-wait", "a slot change that meets another one returns 0, undone",
            {
              if (IsRegion(request)) {
                static std::atomic<int> inside{0};
                const bool alone = inside.fetch_add(1) == 0;
                const RawAnswer answer = alone ? kernel.Ioctl(fd, request, argument) : kSuccess;
                inside.fetch_sub(1);
                return answer;
              }
            }),
    KCT_LIE("second-vm-loses-a-page",
            "in every second VM a slot that is deleted loses what is in its first page",
            {
              static int vms = 0;
              if (request == KVM_CREATE_VM) ++vms;
              if (vms % 2 == 0 && IsRegion(request) && Region(argument).memory_size == 0) {
                LosePage(Region(argument));
              }
            }),
    KCT_LIE("gmem-loses-a-page",
            "a guest_memfd slot that is deleted loses what is in its first page",
            {
              if (IsRegion(request) && Region(argument).memory_size == 0 &&
                  (Region(argument).flags & KVM_MEM_GUEST_MEMFD) != 0) {
                LosePage(Region(argument));
              }
            }),
    KCT_LIE("gmem-is-a-memfd", "a new guest_memfd is a memfd of three pages",
            {
              if (request == KVM_CREATE_GUEST_MEMFD) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                return answer.ret < 0 ? answer : RawAnswer{MakeMemfd(answer.ret), Errno()};
              }
            }),
    KCT_LIE("gmem-claims-success", "KVM_CREATE_GUEST_MEMFD that failed returns a descriptor",
            {
              if (request == KVM_CREATE_GUEST_MEMFD) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                return answer.ret < 0 ? RawAnswer{MakeMemfd(-1), Errno()} : answer;
              }
            }),
    KCT_LIE("gmem-refuses", "KVM_CREATE_GUEST_MEMFD returns EINVAL",
            {
              if (request == KVM_CREATE_GUEST_MEMFD) return Failure(EINVAL);
            }),
    KCT_LIE("gmem-slot-is-plain", "a slot on a guest_memfd is one on userspace_addr",
            {
              if (request == KVM_SET_USER_MEMORY_REGION2) {
                Region(argument).flags &= ~uint32_t{KVM_MEM_GUEST_MEMFD};
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                Region(argument).flags |= KVM_MEM_GUEST_MEMFD;
                return answer;
              }
            }),
    KCT_LIE("attributes-refuse", "KVM_SET_MEMORY_ATTRIBUTES returns EINVAL and does nothing",
            {
              if (request == KVM_SET_MEMORY_ATTRIBUTES) return Failure(EINVAL);
            }),
    KCT_LIE("attributes-claim-success", "KVM_SET_MEMORY_ATTRIBUTES that failed returns 0",
            {
              if (request == KVM_SET_MEMORY_ATTRIBUTES) {
                kernel.Ioctl(fd, request, argument);
                return kSuccess;
              }
            }),
    KCT_LIE("attributes-are-ignored", "KVM_SET_MEMORY_ATTRIBUTES returns 0 and does nothing",
            {
              if (request == KVM_SET_MEMORY_ATTRIBUTES) return kSuccess;
            }),
    KCT_LIE("attributes-say-again", "KVM_SET_MEMORY_ATTRIBUTES that succeeded returns EINTR",
            {
              if (request == KVM_SET_MEMORY_ATTRIBUTES) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                return answer.ret == 0 ? Failure(EINTR) : answer;
              }
            }),
    KCT_LIE("attributes-miss-the-last-page", "KVM_SET_MEMORY_ATTRIBUTES leaves a page out",
            {
              if (request == KVM_SET_MEMORY_ATTRIBUTES && Attributes(argument).size > kPage.count) {
                kvm_memory_attributes most = Attributes(argument);
                most.size -= kPage.count;
                return kernel.Ioctl(fd, request, reinterpret_cast<uintptr_t>(&most));
              }
            }),
    KCT_LIE("in-place-claims-success", "a conversion in place that failed returns 0",
            {
              if (request == kKvmSetMemoryAttributes2) {
                kernel.Ioctl(fd, request, argument);
                return kSuccess;
              }
            }),
    KCT_LIE("in-place-is-ignored", "a conversion in place returns 0 and does nothing",
            {
              if (request == kKvmSetMemoryAttributes2) return kSuccess;
            }),
    KCT_LIE("in-place-loses-contents", "a conversion in place zeroes what it should keep",
            {
              if (request == kKvmSetMemoryAttributes2) {
                return ConvertInPlace(kernel, fd, argument, kConvertPreserves, kConvertZeroes);
              }
            }),
    KCT_LIE("in-place-keeps-contents", "a conversion in place keeps what it should zero",
            {
              if (request == kKvmSetMemoryAttributes2) {
                return ConvertInPlace(kernel, fd, argument, kConvertZeroes, kConvertPreserves);
              }
            }),
    KCT_LIE("dirty-logging-loses-a-page",
            "a slot whose dirty logging starts loses what is in its first page",
            {
              if (IsRegion(request) && (Region(argument).flags & KVM_MEM_LOG_DIRTY_PAGES) != 0) {
                LosePage(Region(argument));
              }
            }),
    KCT_LIE("prefault-loses-a-page",
            "after a prefault the slot set last has lost what is in its first page",
            {
              static kvm_userspace_memory_region last;
              if (IsRegion(request)) last = Region(argument);
              if (request == KVM_PRE_FAULT_MEMORY) LosePage(last);
            }),
    KCT_LIE("shadow-paging-answers-zero", "with shadow paging every MMIO read gives 0",
            {
              static const Paging paging = HostPaging();
              kvm_run* run = request == KVM_RUN && paging == Paging::kShadow ? RunOf(fd) : nullptr;
              if (run != nullptr) {
                std::memset(run->mmio.data, 0, sizeof run->mmio.data);
                munmap(run, kPage.count);
              }
            }),
    KCT_LIE("statistics-are-refused", "KVM_GET_STATS_FD returns EINVAL",
            {
              if (request == KVM_GET_STATS_FD) return Failure(EINVAL);
            }),
    KCT_LIE("run-says-again", "KVM_RUN runs and returns EAGAIN",
            {
              if (request == KVM_RUN) {
                kernel.Ioctl(fd, request, argument);
                return Failure(EAGAIN);
              }
            }),
    KCT_LIE("run-says-shutdown", "KVM_RUN reports KVM_EXIT_SHUTDOWN",
            {
              if (request == KVM_RUN) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                SetExitReason(fd, KVM_EXIT_SHUTDOWN);
                return answer;
              }
            }),
    KCT_LIE("run-claims-success", "KVM_RUN that failed returns 0",
            {
              if (request == KVM_RUN) {
                kernel.Ioctl(fd, request, argument);
                return kSuccess;
              }
            }),
    KCT_LIE("dirty-log-full", "the dirty log says that the first 64 pages were written",
            {
              if (request == KVM_GET_DIRTY_LOG) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                auto* log = reinterpret_cast<kvm_dirty_log*>(argument);
                if (answer.ret == 0) *static_cast<uint64_t*>(log->dirty_bitmap) = ~uint64_t{0};
                return answer;
              }
            }),
    KCT_LIE("dirty-log-empty", "the dirty log says that the first 64 pages were not written",
            {
              if (request == KVM_GET_DIRTY_LOG) {
                const RawAnswer answer = kernel.Ioctl(fd, request, argument);
                auto* log = reinterpret_cast<kvm_dirty_log*>(argument);
                if (answer.ret == 0) *static_cast<uint64_t*>(log->dirty_bitmap) = 0;
                return answer;
              }
            }),
    KCT_LIE("no-dirty-log-welcome", "reading or clearing a dirty log never fails",
            {
              if (request == KVM_GET_DIRTY_LOG || request == KVM_CLEAR_DIRTY_LOG) {
                kernel.Ioctl(fd, request, argument);
                return kSuccess;
              }
            }),
    KCT_LIE("dirty-rings-stay", "KVM_RESET_DIRTY_RINGS returns 0 and does nothing",
            {
              if (request == KVM_RESET_DIRTY_RINGS) return kSuccess;
            }),
    KCT_LIE("quirk-cannot-be-disabled", "KVM_ENABLE_CAP returns 0 and does nothing",
            {
              if (request == KVM_ENABLE_CAP) return kSuccess;
            }),
    KCT_LIE("capabilities-read-seven", "every capability reads 7",
            {
              if (request == KVM_CHECK_EXTENSION) return RawAnswer{7, Errno()};
            }),
    KCT_LIE("foreign-process-welcome", "EIO becomes success",
            {
              const RawAnswer answer = kernel.Ioctl(fd, request, argument);
              return answer.error == Errno(EIO) ? kSuccess : answer;
            }),
    KCT_LIE("unknown-ioctl-welcome", "ENOTTY becomes success",
            {
              const RawAnswer answer = kernel.Ioctl(fd, request, argument);
              return answer.error == Errno(ENOTTY) ? kSuccess : answer;
            }),
};
#undef KCT_LIE

class Liar final : public Backend {
 public:
  Liar(const Lie& lie, Backend& kernel) : lie_(lie), kernel_(kernel) {}
  RawAnswer Ioctl(int fd, unsigned long request, uintptr_t argument) override {
    return lie_.answer(kernel_, fd, request, argument);
  }

 private:
  const Lie& lie_;
  Backend& kernel_;
};

}  // namespace

std::span<const Lie> AllLies() { return kLies; }

std::unique_ptr<Backend> MakeLiar(std::string_view name, Backend& kernel) {
  for (const Lie& lie : kLies) {
    if (lie.name == name) return std::make_unique<Liar>(lie, kernel);
  }
  return nullptr;
}

}  // namespace kct
