// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/source_field.h"

#include <gmock/gmock.h>

namespace kct {

void PrintTo(const SourceName& source, std::ostream* out) {
  *out << source.file << ':' << source.name;
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SourceField, NamesFunctionsByFile) {
  EXPECT_THAT(
      ParseSourceField("virt/kvm/a.c:sing, __hum_all; svm/b.c:whistle"),
      ElementsAre(SourceName{"virt/kvm/a.c", "sing"}, SourceName{"virt/kvm/a.c", "__hum_all"},
                  SourceName{"svm/b.c", "whistle"}));
}

TEST(SourceField, BareNamesAreThoseOfKvmMain) {
  EXPECT_THAT(ParseSourceField("kvm_sing (its error path), x.h:y"),
              ElementsAre(SourceName{"virt/kvm/kvm_main.c", "kvm_sing"}, SourceName{"x.h", "y"}));
}

TEST(SourceField, MayNameAWholeFileOrAConstant) {
  EXPECT_THAT(
      ParseSourceField("mmu/a.h (7 + 11 bits); include/uapi/b.h:KVM_CAP_SING"),
      ElementsAre(SourceName{"mmu/a.h", ""}, SourceName{"include/uapi/b.h", "KVM_CAP_SING"}));
}

TEST(SourceField, LeavesProseAlone) {
  EXPECT_THAT(
      ParseSourceField("api.rst 4.1, error table (the errno; not a.c:b), commit 01ab; thread "
                       "of 2025-05-20, message a_b@c.d, KVM_CAP_SING"),
      IsEmpty());
  EXPECT_THAT(ParseSourceField("a.c:sing asks whether kvm_hum came first. It did"),
              ElementsAre(SourceName{"a.c", "sing"}));
}

}  // namespace
}  // namespace kct
