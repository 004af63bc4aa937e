// SPDX-License-Identifier: GPL-2.0-only
#include "harness/testing/matchers.h"

#include "harness/testing/lies.h"

namespace kct {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

PreFaultCall Prefaulted(uint64_t done, int error = 0) {
  return {.request = KVM_PRE_FAULT_MEMORY,
          .ret = error == 0 ? 0 : -1,
          .error = Errno(error),
          .before = {.gpa = 0x1000, .size = 0x3000},
          .after = {.gpa = 0x1000 + done, .size = 0x3000 - done}};
}

TEST(Matchers, TellWholeFromPartialPrefaults) {
  EXPECT_THAT(Prefaulted(0x3000), Completes());
  EXPECT_THAT(Prefaulted(0x1000), Not(Completes()));
  EXPECT_THAT(Prefaulted(0x1000), AllOf(MakesProgress(), Leaves(Pages(2))));
  EXPECT_THAT(Prefaulted(0x1000), Not(Leaves(Pages(1))));
}

TEST(Matchers, RefuseASuccessThatDidNothing) {
  EXPECT_THAT(Prefaulted(0), Not(MakesProgress()));
  PreFaultCall shifted = Prefaulted(0x1000);
  shifted.after.gpa += 0x1000;
  EXPECT_THAT(shifted, Not(MakesProgress())) << "the end of the range may not move";
}

TEST(Matchers, WantTheVeryErrnoAndAnUntouchedArgument) {
  EXPECT_THAT(Prefaulted(0, EAGAIN), FailsWith(EAGAIN));
  EXPECT_THAT(Prefaulted(0, EAGAIN), Not(FailsWith(ENOENT)));
  EXPECT_THAT(Prefaulted(0x1000, EAGAIN), Not(FailsWith(EAGAIN)));
  EXPECT_THAT(Prefaulted(0x1000, EAGAIN), FailsWithAnyArgument(EAGAIN));
  EXPECT_THAT(Prefaulted(0x1000), Not(FailsWith(EAGAIN)));
}

TEST(EveryCall, NamesTheFirstOffenderAndWhatItMet) {
  History history{.actors = {"prefault", "delete"}, .rounds = 2, .meetings = 1, .target = 1};
  CallRecord good = Prefaulted(0x3000), bad = Prefaulted(0, EFAULT);
  CallRecord remove{.request = KVM_SET_USER_MEMORY_REGION};
  bad.begin = remove.begin = 10;
  bad.end = remove.end = 20;
  history.events = {{1, 0, good}, {1, 1, remove}, {2, 0, bad}, {2, 1, remove}};

  testing::StringMatchResultListener why;
  const testing::Matcher<const History&> matcher =
      EveryCall("prefault", AnyOf(MakesProgress(), FailsWith(EAGAIN)));

  EXPECT_FALSE(matcher.MatchAndExplain(history, &why));
  EXPECT_THAT(why.str(),
              AllOf(HasSubstr("round 2  prefault  PRE_FAULT_MEMORY"), HasSubstr("EFAULT"),
                    HasSubstr("it met"), HasSubstr("SET_USER_MEMORY_REGION")));
  EXPECT_THAT(history, EveryCall("delete", Succeeds()));
}

class AlwaysFails final : public Backend {
 public:
  RawAnswer Ioctl(int, unsigned long, uintptr_t) override { return {-1, Errno(EINVAL)}; }
};

TEST(Lies, ReplaceTheAnswerTheyAreNamedFor) {
  AlwaysFails kernel;
  kvm_pre_fault_memory range{.gpa = 0x1000, .size = 0x1000};
  const auto argument = reinterpret_cast<uintptr_t>(&range);
  EXPECT_EQ(
      MakeLiar("prefault-wrong-errno", kernel)->Ioctl(3, KVM_PRE_FAULT_MEMORY, argument).error,
      Errno(EIO));
  EXPECT_EQ(
      MakeLiar("prefault-claims-success", kernel)->Ioctl(3, KVM_PRE_FAULT_MEMORY, argument).ret, 0);
  EXPECT_EQ(MakeLiar("prefault-wrong-errno", kernel)->Ioctl(3, KVM_RUN, 0).error, Errno(EINVAL));
}

TEST(Lies, AreNamedAndDescribedOnce) {
  std::set<std::string_view> names;
  for (const Lie& lie : AllLies()) {
    EXPECT_TRUE(names.insert(lie.name).second) << lie.name;
    EXPECT_FALSE(lie.description.empty()) << lie.name;
  }
  EXPECT_EQ(MakeLiar("no-such-lie", KernelBackend()), nullptr);
}

}  // namespace
}  // namespace kct
