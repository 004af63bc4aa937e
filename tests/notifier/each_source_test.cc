// SPDX-License-Identifier: GPL-2.0-only
// Every source, with nothing else going on.
#include "harness/abi/host.h"
#include "harness/testing/fixture.h"
#include "harness/testing/matchers.h"
#include "tests/notifier/stage.h"

namespace kct {
namespace {

class NotifierSource : public EachTest<TestKind::kAbi, EverySource> {};

// What the guest had mapped is no more after a source has returned: it sees what its process sees,
// and writes where its process reads.
KCT_TEST_P(NotifierSource, ShowsInTheGuest, "MN-04", "MN-01", "MN-02") {
  ASSERT_OK_AND_ASSIGN(const auto stage, Stage::Make(GetParam()));
  Place& place = stage->place();
  ASSERT_OK(stage->LetTheGuestIn());
  auto invalidations = CurrentHost().CountInvalidations(place.hva(), place.size());

  EXPECT_THAT(place.Fire(), Succeeds());

  if (!invalidations) {
    Note("calls of the notifier were not counted: " + invalidations.error().message);
    EXPECT_EQ(stage->Complaint(), "");
    return;
  }
  ASSERT_OK_AND_ASSIGN(const uint64_t count, (*invalidations)->Count());
  Note(fmt::format("{} calls of the notifier", count));
  EXPECT_EQ(stage->Complaint(), "");
  ASSERT_REACHED(count > 0 || stage->source().notifies == Notifies::kNo, "a call of the notifier");
}
KCT_INSTANTIATE(NotifierSource);

}  // namespace
}  // namespace kct
