// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/c_source.h"

#include <gmock/gmock.h>

namespace kct {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(BlankComments, KeepsCodeAndLines) {
  EXPECT_EQ(BlankComments("a // b\nc /* d\ne */ f(\"}\\\"\", '{')"),
            "a     \nc     \n     f(     ,    )");
}

constexpr std::string_view kChoir =
    "static int hum(struct choir *choir);\n"
    "\n"
    "static __always_inline int hum(struct choir *choir)\n"
    "\t__must_hold(&choir->lock)\n"
    "{\n"
    "\tif (choir->hoarse) { return -EIO; }\n"
    "\treturn sing(choir);\n"
    "}\n"
    "\n"
    "long\n"
    "sing(struct choir *choir,\n"
    "     int song)\n"
    "{\n"
    "\treturn song;\n"
    "}\n"
    "#define REST(x) (x)\n"
    "static const struct ops choir_ops = {\n"
    "\t.sing = sing,\n"
    "};\n"
    "struct choir {\n"
    "\tint hoarse;\n"
    "};\n"
    "enum voice {\n"
    "\tALTO,\n"
    "\tBASS = 4,\n"
    "};\n";

TEST(Bodies, AreThoseOfDefinitionsNotOfCallsOrDeclarations) {
  EXPECT_THAT(BodiesOf(kChoir, "hum"), ElementsAre(AllOf(HasSubstr("-EIO"), HasSubstr("sing"))));
  EXPECT_THAT(BodiesOf(kChoir, "sing"), ElementsAre("{\n\treturn song;\n}"));
  EXPECT_THAT(BodiesOf(kChoir, "si"), IsEmpty());
}

TEST(Bodies, OfAllConfigurationsAreFound) {
  EXPECT_EQ(
      BodiesOf("#ifdef A\nint f(void)\n{ 1; }\n#else\nint f(void) { 2; }\n#endif\n", "f").size(),
      2u);
}

TEST(Defines, KnowsFunctionsMacrosObjectsTypesAndEnumerators) {
  for (const char* name : {"hum", "sing", "REST", "choir_ops", "choir", "voice", "ALTO", "BASS"}) {
    EXPECT_TRUE(Defines(kChoir, name)) << name;
  }
}

TEST(Defines, DoesNotTakeAUseForADefinition) {
  for (const char* name : {"ops", "song", "whistle", "AL"}) {
    EXPECT_FALSE(Defines(kChoir, name)) << name;
  }
  EXPECT_FALSE(Defines("int hum(void);\nint a(void)\n{\n\thum();\n}\n", "hum"));
}

constexpr std::string_view kDispatcher =
    "{\n"
    "\tif (dead) return -EIO;\n"
    "\tswitch (ioctl) {\n"
    "\tcase KVM_HUM:\n"
    "\t\tr = -ENOENT;\n"
    "\t\tbreak;\n"
    "\tcase KVM_SING:\n"
    "\tcase KVM_SING2: {\n"
    "\t\tswitch (song) {\n"
    "\t\tcase 1: r = -EPERM; }\n"
    "\t\tbreak;\n"
    "\t}\n"
    "\tdefault:\n"
    "\t\tr = -ENOTTY;\n"
    "\t}\n"
    "\treturn r ? -EINTR : 0;\n"
    "}\n";

TEST(OnlyCase, KeepsTheCaseAndWhatSurroundsTheSwitch) {
  EXPECT_THAT(ErrnosIn(OnlyCase(kDispatcher, "KVM_SING")), ElementsAre("EINTR", "EIO", "EPERM"));
  EXPECT_THAT(ErrnosIn(OnlyCase(kDispatcher, "KVM_SING2")), ElementsAre("EINTR", "EIO", "EPERM"));
  EXPECT_THAT(ErrnosIn(OnlyCase(kDispatcher, "KVM_HUM")), ElementsAre("EINTR", "EIO", "ENOENT"));
}

TEST(OnlyCase, LeavesABodyWithoutThatCaseAlone) {
  EXPECT_EQ(OnlyCase(kDispatcher, "KVM_RUN"), kDispatcher);
}

TEST(Errnos, AreThoseThatComeOutNotThoseThatAreComparedWith) {
  EXPECT_THAT(ErrnosIn("if (r == -EINTR || -EPERM <= r) return ERR_PTR(-ENOMEM); r = - EFAULT;"),
              ElementsAre("EFAULT", "ENOMEM", "EPERM"));
  EXPECT_THAT(ErrnosIn("case -EAGAIN: return r != -EIO;"), IsEmpty());
}

TEST(Errnos, AreNamesThatTheCLibraryKnows) {
  EXPECT_THAT(ErrnosNamedBy("EPT and EFER: -EINVAL, or EAGAIN."), ElementsAre("EAGAIN", "EINVAL"));
  EXPECT_THAT(ErrnosNamedBy("XEINVAL"), Not(testing::Contains("EINVAL")));
}

}  // namespace
}  // namespace kct
