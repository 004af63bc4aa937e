// SPDX-License-Identifier: GPL-2.0-only
// Whether a prefault counts as an access: the Accessed bit of the stage-2 entry that it makes.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "harness/abi/host_memory.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

class PrefaultIdle : public VmTest<Need::kPrefault, Need::kIdlePages> {};

bool Write(const char* path, const char* text) {
  std::ofstream file(path);
  return static_cast<bool>(file << text << std::flush);
}

// From here on neither this process's mapping nor the page itself counts as used. Entries of stage
// 2 keep their bits.
bool ForgetUseByTheHost() {
  // First the page gets onto a list of the kernel's, off which it can't be looked up.
  return Write("/proc/sys/vm/drop_caches", "1") && Write("/proc/self/clear_refs", "1");
}

// Has the kernel look at all Accessed bits of the page, stage 2 included, and note what they say.
bool CollectUse(Hva page) {
  const UniqueFd file(open("/sys/kernel/mm/page_idle/bitmap", O_RDWR | O_CLOEXEC));
  const uint64_t frame = FrameOf(page);
  const uint64_t bit = uint64_t{1} << frame % 64;
  return pwrite(file.get(), &bit, sizeof bit, static_cast<off_t>(frame / 64 * sizeof bit)) ==
         sizeof bit;
}

// What the kernel has noted of the mapping that begins there: /proc/self/smaps, "Referenced". -1:
// it does not say.
int64_t ReferencedKib(Hva mapping) {
  std::ifstream smaps("/proc/self/smaps");
  const std::string start = fmt::format("{:x}-", mapping.value);
  bool ours = false;
  for (std::string line; std::getline(smaps, line);) {
    if (line.starts_with(start)) ours = true;
    long kib = 0;
    if (ours && std::sscanf(line.c_str(), "Referenced: %ld kB", &kib) == 1) return kib;
  }
  return -1;
}

enum class Then { kNothing, kGuestReads };

// What is noted of a page that was prefaulted, after what then came.
Result<int64_t> ReferencedAfter(Then then) {
  KCT_TRY(GuestScene scene, GuestScene::Make({.pages = 1}));
  scene.Word() = 1;
  KCT_TRY(const uint64_t before, scene.vm.Statistic("pages_4k"));
  const PreFaultCall prefault = scene.cpu.vcpu().PreFault(scene.slot.range());
  KCT_TRY(const uint64_t after, scene.vm.Statistic("pages_4k"));
  if (after != before + 1) return MakeError("{}: no page mapped", prefault.Record().ToString());
  if (then == Then::kGuestReads) {
    KCT_TRY_STATUS(scene.cpu.Load(Program().Read64(kHome)));
    const GuestExit guest_exit = scene.cpu.RunUntilDone();
    if (!guest_exit.done()) return MakeError("{}", guest_exit.ToString());
  }
  if (!ForgetUseByTheHost() || !CollectUse(scene.slot.hva())) {
    return MakeError("clear_refs, page_idle: {}", LastErrno().Explain());
  }
  return ReferencedKib(scene.slot.hva());
}

// A page that was prefaulted and not used is idle. One that the guest has read is not: so it shows.
KCT_TEST(PrefaultIdle, LeavesThePageIdle, "PREFAULT-23") {
  ASSERT_OK_AND_ASSIGN(const int64_t used, ReferencedAfter(Then::kGuestReads));
  ASSERT_EQ(used, 4) << "the guest's own use does not show here";
  ASSERT_OK_AND_ASSIGN(const int64_t unused, ReferencedAfter(Then::kNothing));
  EXPECT_EQ(unused, 0);
}

}  // namespace
}  // namespace kct
