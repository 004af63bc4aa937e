// SPDX-License-Identifier: GPL-2.0-only
// ConvertScene: a software-protected VM with a guest and a slot at kHome that has both kinds of
// memory: the host's at userspace_addr, where pages are shared, and a guest_memfd, where they are
// private. Each page of either kind has its kind's mark, so that whoever reads it knows which it
// is.
//
//   ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make({.pages = 8}));
//   EXPECT_THAT(scene.Convert(scene.PageOf(1), Kind::kPrivate), Succeeds());
//   ASSERT_OK_AND_ASSIGN(const std::string kinds, scene.Kinds());   // "spssssss"
#pragma once

#include <memory>
#include <string>

#include "harness/kvm/guest_memfd.h"
#include "harness/testing/guest_scene.h"

namespace kct {

enum class Kind { kShared, kPrivate };
constexpr uint64_t AttributesOf(Kind kind) {
  return kind == Kind::kPrivate ? uint64_t{KVM_MEMORY_ATTRIBUTE_PRIVATE} : 0;
}
constexpr Kind OtherThan(Kind kind) {
  return kind == Kind::kPrivate ? Kind::kShared : Kind::kPrivate;
}

inline constexpr uint32_t kSlot = 100;  // far from the ids that Vm hands out
inline constexpr uint64_t kSharedMark = 0x7368'6172'6564;
inline constexpr uint64_t kPrivateMark = 0x7072'6976'6174'65;
inline constexpr uint64_t kLateMark = 0x6c61'7465;
constexpr uint64_t MarkOf(Kind kind) { return kind == Kind::kPrivate ? kPrivateMark : kSharedMark; }

// KVM_RUN has failed with EFAULT for a private access to this page, and says so.
MATCHER_P(IsPrivateFault, gpa, fmt::format("is a memory fault, private, at {:#x}", gpa.value)) {
  return arg.kind == ExitKind::kMemoryFault && arg.call.error == Errno(EFAULT) &&
         arg.memory_fault.flags == KVM_MEMORY_EXIT_FLAG_PRIVATE && arg.memory_fault.gpa == gpa &&
         arg.memory_fault.size == kPage;
}

// What a VMM does with a guest that meets a conversion, or a signal: it lets it try again. A guest
// that is thrown out for ever is stopped in the end.
class TryAgain {
 public:
  VcpuRunner::Then operator()(const GuestExit& guest_exit) {
    const bool again =
        guest_exit.kind == ExitKind::kMemoryFault || guest_exit.kind == ExitKind::kInterrupted;
    return again && --left_ > 0 ? VcpuRunner::Then::kRunOn : VcpuRunner::Then::kStop;
  }

 private:
  int left_ = 1000;
};

struct ConvertOptions {
  uint64_t pages = 8;
  uint64_t flags = 0;  // of the file
  // Whether each page has its marks from the start, or was never touched.
  enum class Content { kMarked, kFresh } content = Content::kMarked;
};

struct ConvertScene {
  std::unique_ptr<Vm> owner;  // the machine keeps a reference to the VM
  Vm& vm;
  GuestMachine machine;
  GuestCpu cpu;
  Mapping shared;  // at userspace_addr
  GuestMemfd file;
  GuestMemfdSlot slot;

  static Result<ConvertScene> Make(const ConvertOptions& options = {}) {
    KCT_TRY(Vm created, Vm::Create(VmType::kSwProtected));
    auto vm = std::make_unique<Vm>(std::move(created));
    KCT_TRY(GuestMachine machine, GuestMachine::Create(*vm));
    KCT_TRY(GuestCpu cpu, machine.AddCpu());
    KCT_TRY(Mapping shared, Mapping::Anonymous(Pages(options.pages)));
    KCT_TRY(GuestMemfd file, GuestMemfd::Create(*vm, Pages(options.pages), options.flags));
    const GuestMemfdSlot slot(
        *vm, file,
        {.slot = kSlot, .gpa = kHome, .size = file.size(), .userspace_addr = shared.hva()});
    const MemoryRegion2Call bound = slot.Bind();
    if (!bound.ok()) return MakeError("setting the scene: {}", bound.Record().ToString());
    Vm& reference = *vm;
    ConvertScene scene{
        std::move(vm),   reference, std::move(machine), std::move(cpu), std::move(shared),
        std::move(file), slot};
    if (options.content == ConvertOptions::Content::kMarked) KCT_TRY_STATUS(scene.Mark());
    return scene;
  }

  uint64_t pages() const { return file.size() / kPage; }
  GpaRange all() const { return slot.range(); }
  static GpaRange PagesFrom(uint64_t first, uint64_t count) { return {GpaOf(first), Pages(count)}; }
  // All pages, and before them a MiB that has no slot, so that a conversion takes its time.
  GpaRange all_and_more() const { return {kHome - 1_MiB, 1_MiB + all().size}; }
  static GpaRange PageOf(uint64_t number) { return PagesFrom(number, 1); }
  static Gpa GpaOf(uint64_t number) { return kHome + Pages(number); }

  Call<kvm_memory_attributes> Convert(GpaRange range, Kind kind) const {
    return vm.SetMemoryAttributes(range, AttributesOf(kind));
  }
  // The first word of a page of the host's memory.
  HostWord Word(uint64_t number = 0) const { return shared.Word(Pages(number)); }
  void FillShared(uint64_t value) const {
    for (uint64_t page = 0; page < pages(); ++page) Word(page) = value;
  }
  bool SharedIs(uint64_t value) const {
    for (uint64_t page = 0; page < pages(); ++page) {
      if (Word(page) != value) return false;
    }
    return true;
  }

  // Each kind of each page gets its mark; in the end all are shared.
  Status Mark() {
    FillShared(kSharedMark);
    KCT_TRY_STATUS(MustConvert(all(), Kind::kPrivate));
    KCT_TRY_STATUS(Do(Program().WriteTouch(all(), kPrivateMark)));
    return MustConvert(all(), Kind::kShared);
  }
  Status MustConvert(GpaRange range, Kind kind) const {
    const auto call = Convert(range, kind);
    if (call.ok()) return {};
    return MakeError("{}", call.Record().ToString());
  }

  // --- the guest's view; an error if it does not come to the end of its program ---------------
  Status Do(const Program& program) {
    KCT_TRY_STATUS(cpu.Load(program));
    const GuestExit guest_exit = cpu.RunUntilDone();
    if (guest_exit.done()) return {};
    return MakeError("{}: {}", program.ToString(), guest_exit.ToString());
  }
  Result<uint64_t> Read(uint64_t page) {
    KCT_TRY_STATUS(Do(Program().Read64(GpaOf(page))));
    return cpu.result(0).value;
  }
  // Of which kind each page is for the guest: 's', 'p', or '?' for one with neither mark.
  Result<std::string> Kinds() {
    Program program;
    for (uint64_t page = 0; page < pages(); ++page) program.Read64(GpaOf(page));
    KCT_TRY_STATUS(Do(program));
    std::string kinds;
    for (uint64_t page = 0; page < pages(); ++page) {
      const uint64_t mark = cpu.result(page).value;
      kinds += mark == kSharedMark ? 's' : mark == kPrivateMark ? 'p' : '?';
    }
    return kinds;
  }
  // How KVM_RUN ends where the guest reads there.
  GuestExit TryRead(Gpa gpa) {
    const Status loaded = cpu.Load(Program().Read64(gpa));
    KCT_CHECK(loaded.ok());
    return cpu.Run();
  }
};

}  // namespace kct
