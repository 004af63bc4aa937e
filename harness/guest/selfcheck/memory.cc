// SPDX-License-Identifier: GPL-2.0-only
#include <array>

#include "harness/guest/selfcheck/selfcheck.h"

namespace kct::selfcheck {
namespace {

Status ReadsEveryWidth() {
  KCT_TRY(const auto scene, Scene::Create());
  scene->Word({0}) = 0x1122334455667788;
  const Gpa gpa = scene->gpa();
  KCT_TRY_STATUS(scene->RunToEnd(
      Program().Read8(gpa).Read16(gpa).Read32(gpa).Read64(gpa).Read8(gpa + Bytes{7})));
  const uint64_t expected[] = {0x88, 0x7788, 0x55667788, 0x1122334455667788, 0x11};
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    KCT_TRY_STATUS(IsOk(scene->cpu.result(i)));
    KCT_TRY_STATUS(Same("the value read", scene->cpu.result(i).value, expected[i]));
  }
  return {};
}

Status WritesEveryWidth() {
  KCT_TRY(const auto scene, Scene::Create());
  for (uint64_t i = 0; i < 4; ++i) scene->Word({i * 8}) = ~uint64_t{0};
  const Gpa gpa = scene->gpa();
  KCT_TRY_STATUS(scene->RunToEnd(Program()
                                     .Write8(gpa, 1)
                                     .Write16(gpa + Bytes{8}, 2)
                                     .Write32(gpa + Bytes{16}, 3)
                                     .Write64(gpa + Bytes{24}, 4)));
  KCT_TRY_STATUS(Same("the byte's word", scene->Word({0}), 0xffff'ffff'ffff'ff01));
  KCT_TRY_STATUS(Same("the 16 bits' word", scene->Word({8}), 0xffff'ffff'ffff'0002));
  KCT_TRY_STATUS(Same("the 32 bits' word", scene->Word({16}), 0xffff'ffff'0000'0003));
  return Same("the word", scene->Word({24}), 4);
}

Status TouchReadsOneWordOfEachPage() {
  KCT_TRY(const auto scene, Scene::Create());
  for (uint64_t page = 0; page < 512; ++page) scene->Word(Pages(page)) = 9;
  scene->Word(Pages(100)) = 5;
  scene->Word(Pages(200)) = 6;
  KCT_TRY_STATUS(scene->RunToEnd(Program().Touch(scene->slot.range()).Expect(9)));
  const guest::OpResult result = scene->cpu.result(0);
  KCT_TRY_STATUS(Same("pages", result.count, 512));
  KCT_TRY_STATUS(Same("the last value", result.value, 9));
  KCT_TRY_STATUS(Same("unexpected values", result.unexpected, 2));
  KCT_TRY_STATUS(Same("the first of them", result.unexpected_value, 5));
  return Same("its GPA", result.unexpected_gpa, (scene->gpa() + Pages(100)).value);
}

Status WriteTouchWritesOneWordOfEachPage() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY_STATUS(scene->RunToEnd(Program().WriteTouch(scene->slot.range(), 3)));
  KCT_TRY_STATUS(Same("pages", scene->cpu.result(0).count, 512));
  for (uint64_t page = 0; page < 512; ++page) {
    KCT_TRY_STATUS(Same("the first word of a page", scene->Word(Pages(page)), 3));
    KCT_TRY_STATUS(Same("the second word of a page", scene->Word(Pages(page) + Bytes{8}), 0));
  }
  return {};
}

Status FillAndChecksumCoverEveryWord() {
  KCT_TRY(const auto scene, Scene::Create());
  const GpaRange range{scene->gpa(), Pages(3)};
  KCT_TRY_STATUS(scene->RunToEnd(Program().Fill(range, 77).Checksum(range)));
  uint64_t sum = 0;
  for (uint64_t offset = 0; offset < range.size.count; offset += 8) {
    KCT_TRY_STATUS(Same("a filled word", scene->Word({offset}), 77));
    sum = guest::ChecksumStep(sum, 77);
  }
  KCT_TRY_STATUS(Same("the word after the range", scene->Word(range.size), 0));
  KCT_TRY_STATUS(Same("words in the checksum", scene->cpu.result(1).count, 3 * 512));
  return Same("the checksum", scene->cpu.result(1).value, sum);
}

Status CompareAndSwapSwapsOnceOnly() {
  KCT_TRY(const auto scene, Scene::Create());
  scene->Word({0}) = 1;
  const Gpa gpa = scene->gpa();
  KCT_TRY_STATUS(scene->RunToEnd(Program().CompareAndSwap(gpa, 1, 2).CompareAndSwap(gpa, 1, 3)));
  KCT_TRY_STATUS(Same("the word", scene->Word({0}), 2));
  KCT_TRY_STATUS(Same("swaps of the first", scene->cpu.result(0).count, 1));
  KCT_TRY_STATUS(Same("the value it found", scene->cpu.result(0).value, 1));
  KCT_TRY_STATUS(Same("swaps of the second", scene->cpu.result(1).count, 0));
  return Same("the value it found", scene->cpu.result(1).value, 2);
}

Status MoveCopies() {
  KCT_TRY(const auto scene, Scene::Create());
  for (uint64_t i = 0; i < 64; ++i) scene->Word({i * 8}) = i * 0x0101010101;
  Program program;
  for (const uint32_t width : {1, 2, 4, 8}) {
    program.Move(scene->gpa() + Pages(width), scene->gpa(), {512}, width);
  }
  KCT_TRY_STATUS(scene->RunToEnd(program));
  for (const uint64_t width : {1, 2, 4, 8}) {
    for (uint64_t i = 0; i < 64; ++i) {
      KCT_TRY_STATUS(
          Same("a copied word", scene->Word(Pages(width) + Bytes{i * 8}), i * 0x0101010101));
    }
    KCT_TRY_STATUS(Same("the word after", scene->Word(Pages(width) + Bytes{512}), 0));
  }
  return Same("elements of the widest", scene->cpu.result(3).count, 64);
}

Status ExecutesCodeOfGuestAndHost() {
  KCT_TRY(const auto scene, Scene::Create());
  const Gpa by_host = scene->gpa() + Pages(1);
  scene->Word(Pages(1)) = guest::FunctionReturning(0xfeedbee5);
  KCT_TRY_STATUS(
      scene->RunToEnd(Program().Plant(scene->gpa(), 42).Execute(scene->gpa()).Execute(by_host)));
  KCT_TRY_STATUS(Same("what the guest planted", scene->cpu.result(1).value, 42));
  return Same("what the host planted", scene->cpu.result(2).value, 0xfeedbee5);
}

Status TranslationOpsChangeNothing() {
  KCT_TRY(const auto scene, Scene::Create());
  scene->Word({0}) = 8;
  KCT_TRY_STATUS(scene->RunToEnd(Program()
                                     .Read64(scene->gpa())
                                     .InvalidatePage(scene->gpa())
                                     .ReloadCr3()
                                     .Read64(scene->gpa())
                                     .Expect(8)));
  for (std::size_t i = 0; i < 4; ++i) KCT_TRY_STATUS(IsOk(scene->cpu.result(i)));
  return {};
}

Status MapIdentityReachesBeyond8GiB() {
  KCT_TRY(const auto scene, Scene::Create());
  KCT_TRY(const Memslot far, scene->vm->AddMemslot({.gpa = 20_GiB_gpa, .size = 2_MiB}));
  far.memory().At<uint64_t>({0}) = 5;
  KCT_TRY_STATUS(scene->RunToEnd(Program().Read64(far.gpa())));
  KCT_TRY_STATUS(Same("the vector before", scene->cpu.result(0).vector, 14));
  KCT_TRY_STATUS(scene->machine.MapIdentity(far.range()));
  KCT_TRY_STATUS(scene->RunToEnd(Program().Read64(far.gpa()).Expect(5)));
  KCT_TRY_STATUS(IsOk(scene->cpu.result(0)));
  const Status refused = scene->machine.MapIdentity({{1ull << 47}, kPage});
  return Same("mapping a GPA without a canonical address", refused.ok(), 0);
}

}  // namespace

std::span<const Check> MemoryChecks() {
  static constexpr std::array kChecks{
      Check{"read: every width", ReadsEveryWidth},
      Check{"write: every width", WritesEveryWidth},
      Check{"touch: one word of each page, unexpected ones found", TouchReadsOneWordOfEachPage},
      Check{"write-touch: one word of each page", WriteTouchWritesOneWordOfEachPage},
      Check{"fill, checksum: every word", FillAndChecksumCoverEveryWord},
      Check{"compare-and-swap: once only", CompareAndSwapSwapsOnceOnly},
      Check{"move: copies, every width", MoveCopies},
      Check{"execute, plant: code of guest and host", ExecutesCodeOfGuestAndHost, Wants::kCpu},
      Check{"invalidate, reload-cr3: change nothing", TranslationOpsChangeNothing},
      Check{"identity map: grows beyond 8 GiB", MapIdentityReachesBeyond8GiB, Wants::kCpu},
  };
  return kChecks;
}

}  // namespace kct::selfcheck
