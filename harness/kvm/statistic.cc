// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kvm/statistic.h"

#include <unistd.h>

#include <vector>

#include "harness/abi/backend.h"
#include "harness/base/unique_fd.h"

namespace kct {
namespace {

Status ReadAt(int fd, void* out, size_t size, uint64_t offset) {
  const ssize_t got = pread(fd, out, size, static_cast<off_t>(offset));
  if (got == static_cast<ssize_t>(size)) return {};
  return MakeError("statistics of KVM: {}",
                   got < 0 ? LastErrno().Explain() : "fewer bytes than announced");
}

}  // namespace

Result<uint64_t> StatisticOf(int fd, std::string_view name) {
  const auto call = IssueNumber(fd, KVM_GET_STATS_FD, 0);
  if (!call.ok()) return MakeError("KVM_GET_STATS_FD: {}", call.error.Explain());
  const UniqueFd stats(call.ret);
  kvm_stats_header header;
  KCT_TRY_STATUS(ReadAt(stats.get(), &header, sizeof header, 0));
  const size_t entry_size = sizeof(KvmStatsDescHead) + header.name_size;
  std::vector<char> entry(entry_size);
  for (uint32_t i = 0; i < header.num_desc; ++i) {
    KCT_TRY_STATUS(
        ReadAt(stats.get(), entry.data(), entry_size, header.desc_offset + i * entry_size));
    const auto* desc = reinterpret_cast<const KvmStatsDescHead*>(entry.data());
    if (name != entry.data() + sizeof(KvmStatsDescHead)) continue;
    uint64_t value = 0;
    KCT_TRY_STATUS(ReadAt(stats.get(), &value, sizeof value, header.data_offset + desc->offset));
    return value;
  }
  return MakeError("this KVM has no statistic named {}", name);
}

}  // namespace kct
