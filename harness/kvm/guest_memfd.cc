// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kvm/guest_memfd.h"

#include "harness/base/clock.h"
#include "harness/liveness/in_flight.h"

namespace kct {

Result<GuestMemfd> GuestMemfd::Create(const Vm& vm, Bytes size, uint64_t flags) {
  const auto created = vm.CreateGuestMemfd(size, flags);
  if (!created.ok()) return MakeError("setting the scene: {}", created.Record().ToString());
  return GuestMemfd(UniqueFd(created.ret), size);
}

CallRecord GuestMemfd::Punch(FileRange range) const {
  const InFlight call("punch of a guest_memfd");
  return PunchHole(fd(), range);
}

CallRecord GuestMemfd::Allocate(FileRange range) const {
  const InFlight call("allocation in a guest_memfd");
  return kct::Allocate(fd(), range);
}

Call<KvmMemoryAttributes2> GuestMemfd::Convert(FileRange range, uint64_t attributes,
                                               uint64_t contents) const {
  return Issue(fd(), kKvmSetMemoryAttributes2,
               KvmMemoryAttributes2{.offset = range.offset,
                                    .size = range.size.count,
                                    .attributes = attributes,
                                    .flags = contents});
}

CallRecord GuestMemfd::Close() {
  const InFlight call("close of a guest_memfd");
  CallRecord record{.what = "close"};
  record.begin = StampTsc();
  fd_.Reset();
  record.end = StampTsc();
  return record;
}

Result<Mapping> GuestMemfd::Map() const {
  MapCall mapped = MapFile(fd(), size_);
  if (!mapped.call.ok()) return MakeError("setting the scene: {}", mapped.call.ToString());
  return std::move(mapped.memory);
}

GuestMemfdSlot::GuestMemfdSlot(const Vm& vm, const GuestMemfd& file, const Place& place)
    : vm_fd_(vm.fd()),
      region_{.slot = place.slot,
              .flags = KVM_MEM_GUEST_MEMFD,
              .guest_phys_addr = place.gpa.value,
              .memory_size = place.size.count,
              .userspace_addr = place.userspace_addr.value,
              .guest_memfd_offset = place.offset,
              .guest_memfd = static_cast<uint32_t>(file.fd())} {}

MemoryRegion2Call GuestMemfdSlot::Bind() const {
  return Issue(vm_fd_, KVM_SET_USER_MEMORY_REGION2, region_);
}

MemoryRegion2Call GuestMemfdSlot::Delete() const {
  kvm_userspace_memory_region2 none = region_;
  none.memory_size = 0;
  return Issue(vm_fd_, KVM_SET_USER_MEMORY_REGION2, none);
}

}  // namespace kct
