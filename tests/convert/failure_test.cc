// SPDX-License-Identifier: GPL-2.0-only
// Conversions that fail, at each step where they can, and conversions that are disturbed: all of it
// is done, or nothing.
#include <pthread.h>
#include <signal.h>

#include <atomic>

#include "harness/abi/scarce_objects.h"
#include "harness/race/race.h"
#include "harness/testing/exits.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/convert/scene.h"

namespace kct {
namespace {

class ConvertStarved : public VmTest<Need::kSwProtected, Need::kFailslab> {};
class ConvertSignalled : public RaceTest<Need::kSwProtected> {};

constexpr uint64_t kMany = 640;                         // pages: KVM keeps 64 in an object
constexpr uint64_t kFirstPrivate = 100, kPrivate = 30;  // of which these are private from the start

// What a conversion must not have touched when it has failed.
void ExpectAsBefore(ConvertScene& scene) {
  const GpaRange front = scene.PagesFrom(0, kFirstPrivate);
  const GpaRange middle = scene.PagesFrom(kFirstPrivate, kPrivate);
  const uint64_t behind = kFirstPrivate + kPrivate;
  const GpaRange back = scene.PagesFrom(behind, kMany - behind);
  ASSERT_OK(scene.Do(Program()
                         .Touch(front)
                         .Expect(kSharedMark)
                         .Touch(middle)
                         .Expect(kPrivateMark)
                         .Touch(back)
                         .Expect(kSharedMark)));
  for (int part = 0; part < 3; ++part) {
    EXPECT_EQ(scene.cpu.result(part).unexpected, 0u)
        << ToString(scene.cpu.result(part)) << " in part " << part;
  }
  EXPECT_TRUE(scene.SharedIs(kSharedMark));
}

Result<ConvertScene> MixedScene() {
  KCT_TRY(ConvertScene scene, ConvertScene::Make({.pages = kMany}));
  KCT_TRY_STATUS(scene.MustConvert(scene.PagesFrom(kFirstPrivate, kPrivate), Kind::kPrivate));
  KCT_TRY_STATUS(scene.Do(Program().Touch(scene.all())));
  return scene;
}

// Each VM allows the conversion one object more than the last one, until it is enough. In between
// it fails, and neither a kind, nor a mapping, nor a content has changed; with all that it wants it
// succeeds in the end.
KCT_TEST(ConvertStarved, ChangesAllOrNothing, "ATTR-08") {
  int failures = 0;
  for (Bytes most = {0};; most = most + ScarceObjects::kStep) {
    // The scene's own marks were private once: another VM without what that has left behind.
    ASSERT_OK_AND_ASSIGN(ConvertScene scene, MixedScene());
    ASSERT_OK_AND_ASSIGN(const uint64_t mapped, scene.vm.Statistic("pages_4k"));
    const GpaRange beyond{scene.all().end(), Pages(kMany)};  // never of another kind
    const GpaRange range{kHome, scene.all().size + beyond.size};
    Call<kvm_memory_attributes> call;
    {
      ASSERT_OK_AND_ASSIGN(const ScarceObjects scarce, ScarceObjects::AtMost(most));
      call = scene.Convert(range, Kind::kPrivate);
    }
    if (call.ok()) break;
    ++failures;
    SCOPED_TRACE(fmt::format("with {} of objects", most));
    ASSERT_THAT(call, FailsWith(ENOMEM));
    ASSERT_OK_AND_ASSIGN(const uint64_t still, scene.vm.Statistic("pages_4k"));
    EXPECT_EQ(still, mapped);
    ExpectAsBefore(scene);
    EXPECT_THAT(scene.TryRead(beyond.start), IsMmioRead(beyond.start));

    ASSERT_THAT(scene.Convert(range, Kind::kPrivate), Succeeds());
    ASSERT_OK(scene.Do(Program().Touch(scene.all()).Expect(kPrivateMark)));
    EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
    const Gpa untouched = beyond.start + kPage;  // by the guest, so far
    EXPECT_THAT(scene.TryRead(untouched), IsPrivateFault(untouched));
  }
  Note(fmt::format("the conversion was made to fail at {} steps", failures));
  EXPECT_GE(failures, 5);
}

// Making pages shared needs nothing, and they are what they were.
KCT_TEST(ConvertStarved, BackNeedsNoMemory, "ATTR-08", "ATTR-11") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make({.pages = kMany}));
  ASSERT_OK(scene.MustConvert(scene.all(), Kind::kPrivate));
  ASSERT_OK(scene.MustConvert(scene.PagesFrom(kFirstPrivate, kPrivate), Kind::kShared));
  {
    ASSERT_OK_AND_ASSIGN(const ScarceObjects scarce, ScarceObjects::AtMost({0}));
    EXPECT_THAT(scene.Convert(scene.all(), Kind::kShared), Succeeds());
  }
  ASSERT_OK(scene.Do(Program().Touch(scene.all()).Expect(kSharedMark)));
  EXPECT_EQ(scene.cpu.result(0).unexpected, 0u) << scene.cpu.result(0).unexpected_value;
}

// Signals that have a handler, which ends system calls that can be ended.
class SignalsWithHandler {
 public:
  SignalsWithHandler() {
    struct sigaction action = {};
    action.sa_handler = [](int) { ++taken; };
    sigaction(SIGUSR2, &action, &previous_);
    taken = 0;
  }
  ~SignalsWithHandler() { sigaction(SIGUSR2, &previous_, nullptr); }
  SignalsWithHandler(const SignalsWithHandler&) = delete;
  SignalsWithHandler& operator=(const SignalsWithHandler&) = delete;

  static inline std::atomic<int> taken = 0;

 private:
  struct sigaction previous_ = {};
};

// A signal in the middle of a call over many pages does not end it.
KCT_TEST(ConvertSignalled, GoesOnToItsEnd, "ATTR-09") {
  ASSERT_OK_AND_ASSIGN(ConvertScene scene, ConvertScene::Make());
  const SignalsWithHandler handler;
  // Many pages without a slot, and in the end those of the slot, which show how far it came.
  const GpaRange range{scene.all().end() - 64_MiB, 64_MiB};
  std::atomic<pthread_t> converter{};
  std::atomic<bool> runs{false};
  Kind kind = Kind::kPrivate;
  bool whole = true;
  Race race(Seed(), {.meetings = 10});
  race.Actor("convert", [&] {
    converter = pthread_self();
    runs = true;
    return scene.Convert(range, kind).Record();
  });
  race.Actor("signal", [&] {
    while (!runs) continue;
    CallRecord sent{.what = "pthread_kill"};
    sent.begin = StampTsc();
    sent.ret = pthread_kill(converter, SIGUSR2);
    sent.end = StampTsc();
    return sent;
  });
  race.AfterRound([&] {
    Result<std::string> kinds = scene.Kinds();
    const std::string wanted(scene.pages(), kind == Kind::kPrivate ? 'p' : 's');
    whole = whole && kinds.ok() && *kinds == wanted;
    kind = OtherThan(kind);
    runs = false;
    return CallRecord{.what = "nothing"};
  });
  ASSERT_OK_AND_ASSIGN(const History history, race.Run());
  ASSERT_MET("signal against a conversion", history);

  EXPECT_THAT(history, EveryCall("convert", Succeeds()));
  EXPECT_TRUE(whole) << "a call that met a signal has left out the end of its range";
  EXPECT_GT(SignalsWithHandler::taken, 0);
}

}  // namespace
}  // namespace kct
