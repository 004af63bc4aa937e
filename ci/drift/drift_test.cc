// SPDX-License-Identifier: GPL-2.0-only
// All checks on a small kernel that was made up for them.
#include "ci/drift/drift.h"

#include <gmock/gmock.h>

#include "ci/spec/files.h"

namespace kct {

void PrintTo(const Drift& drift, std::ostream* out) { *out << drift.subject << ": " << drift.text; }

namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

auto Says(const char* subject, const char* words) {
  return AllOf(Field(&Drift::subject, subject), Field(&Drift::text, HasSubstr(words)));
}

constexpr const char* kApi =
    "Songs\n"
    "=====\n"
    "\n"
    "4.1 KVM_SING\n"
    "------------\n"
    "\n"
    "Takes struct kvm_song, or struct kvm_tune, and KVM_SONG_* of KVM_CAP_SONG.\n"
    "\n"
    "  ======  ================\n"
    "  EINVAL  No such song.\n"
    "  EINTR   Also for EPERM.\n"
    "  ======  ================\n"
    "\n"
    "The choir sings.  Nobody claps.\n"
    "\n"
    "4.2 KVM_HUM\n"
    "-----------\n"
    "\n"
    "Hums, or fails with -EIO.\n";

constexpr const char* kCode =
    "int kvm_sing(void)\n"
    "{\n"
    "\tif (bad) return -EINVAL;\n"
    "\tif (mute) return -EAGAIN;\n"
    "\treturn -EPERM;\n"
    "}\n"
    "int kvm_hum(void)\n"
    "{\n"
    "\treturn dry ? -EIO : -ENOMEM;\n"
    "}\n";

class DriftOf : public testing::Test {
 protected:
  DriftOf() {
    folder_ =
        fs::path(testing::TempDir()) /
        (std::string("kct_drift_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    Put("Documentation/virt/kvm/api.rst", kApi);
    Put("virt/kvm/kvm_main.c", kCode);
    Put("arch/x86/kvm/mmu/mmu.c", "int faultin(void)\n{\n\treturn 0;\n}\n");
    Put("include/uapi/linux/kvm.h",
        "struct kvm_song {\n\tint length; /* A song ends. */\n};\n"
        "#define KVM_SING 1\n#define KVM_HUM 2\n#define KVM_SONG_LOUD 1\n#define KVM_CAP_SONG 3\n");
  }
  ~DriftOf() override { fs::remove_all(folder_); }

  void Put(const std::string& file, std::string_view text) {
    fs::create_directories((folder_ / file).parent_path());
    ASSERT_TRUE(WriteFileIfChanged(folder_ / file, text));
  }
  // The document with `from` replaced by `to`.
  void Change(std::string_view from, std::string_view to) {
    std::string text = kApi;
    Put("Documentation/virt/kvm/api.rst", text.replace(text.find(from), from.size(), to));
  }
  KernelTree Tree() { return KernelTree::Open(folder_).value(); }
  // The entry that --find prints for the one sentence with these words.
  std::string Entry(std::string_view words, const std::string& document = "api.rst") {
    KernelTree tree = Tree();
    const auto found = FindSentences(*tree.FindDocument(document), document, words);
    EXPECT_EQ(found.size(), 1u) << words;
    return found.front().entry;
  }

  std::vector<Drift> Sentences(const std::string& doc, Standing standing = Standing::kDocumented) {
    const Clause clauses[] = {
        {.id = "SING-01", .claim = "The choir", .standing = standing, .source = "", .doc = doc}};
    KernelTree tree = Tree();
    return CheckSentences(clauses, tree);
  }
  std::vector<Drift> Sources(std::string_view source) {
    const Clause clauses[] = {{.id = "SING-01", .source = source}};
    KernelTree tree = Tree();
    return CheckSources(clauses, tree);
  }
  std::vector<Drift> Errnos(std::string_view claim, std::string_view source, std::string_view doc) {
    const Clause clauses[] = {{.id = "SING-01", .claim = claim, .source = source, .doc = doc}};
    KernelTree tree = Tree();
    return CheckErrnos(clauses, tree);
  }

  fs::path folder_;
};

TEST_F(DriftOf, ASentenceThatWasOnlyWrappedIsNone) {
  const std::string doc = Entry("choir sings");
  EXPECT_THAT(doc, HasSubstr("4.1 KVM_SING \"The choir sings\" sha:"));
  Change("choir sings.  Nobody", "choir\nsings.\nNobody");
  EXPECT_THAT(Sentences(doc), IsEmpty());
}

TEST_F(DriftOf, ASectionThatGotAnotherNumberIsNone) {
  const std::string doc = Entry("no such song");
  Change("4.1 KVM", "4.9 KVM");
  EXPECT_THAT(Sentences(doc), IsEmpty());
}

TEST_F(DriftOf, AChangedSentenceShowsTheClosestOne) {
  const std::string doc = Entry("choir sings");
  Change("choir sings", "whole choir hums");
  EXPECT_THAT(Sentences(doc), ElementsAre(Says("SING-01", "changed or gone; closest there, sha:")));
  EXPECT_THAT(Sentences(doc), ElementsAre(Says("SING-01", ": The whole choir hums.")));
}

TEST_F(DriftOf, ARowIsClosestToItsFormerSelf) {
  const std::string doc = Entry("no such song");
  Change("No such song.", "A bad song.  ");
  EXPECT_THAT(Sentences(doc), ElementsAre(Says("SING-01", ": EINVAL: A bad song.")));
}

TEST_F(DriftOf, ASentenceMaySayWhereItMovedTo) {
  const std::string doc = Entry("nobody claps");
  std::string text = kApi;
  const std::string sentence = "  Nobody claps.";
  text.erase(text.find(sentence), sentence.size());
  Put("Documentation/virt/kvm/api.rst", text + sentence + "\n");
  EXPECT_THAT(Sentences(doc), ElementsAre(Says("SING-01", "is in section '4.2 KVM_HUM' now")));
}

TEST_F(DriftOf, SectionsAndDocumentsMayBeGone) {
  EXPECT_THAT(Sentences("4.1 KVM_SING silent; 4.3 KVM_CLAP silent", Standing::kDisputed),
              ElementsAre(Says("SING-01", "4.3 KVM_CLAP silent: no such section")));
  EXPECT_THAT(Sentences("a.rst: Title \"x\" sha:0123456789"),
              ElementsAre(Says("SING-01", "a.rst: no such document")));
}

TEST_F(DriftOf, ADocumentedClauseWithoutASentenceIsOne) {
  EXPECT_THAT(Sentences(""), ElementsAre(Says("SING-01", "names no sentence")));
  EXPECT_THAT(Sentences("none", Standing::kImplemented), IsEmpty());
}

TEST_F(DriftOf, CommentsOfAHeaderCountAsADocument) {
  const std::string doc = Entry("song ends", "include/uapi/linux/kvm.h");
  EXPECT_THAT(doc, HasSubstr("include/uapi/linux/kvm.h: comments \"A song ends\""));
  EXPECT_THAT(Sentences(doc), IsEmpty());
}

TEST_F(DriftOf, AFunctionIsFoundInItsFileOnly) {
  EXPECT_THAT(Sources("kvm_sing; mmu/mmu.c:faultin; include/uapi/linux/kvm.h:KVM_HUM"), IsEmpty());
  EXPECT_THAT(Sources("mmu/mmu.c:kvm_sing"),
              ElementsAre(Says("mmu/mmu.c:kvm_sing", "moved to virt/kvm/kvm_main.c (SING-01)")));
  EXPECT_THAT(Sources("mmu/mmu.c:kvm_clap"),
              ElementsAre(Says("mmu/mmu.c:kvm_clap", "not defined there, nor elsewhere in KVM (")));
  EXPECT_THAT(Sources("svm/svm.c (all of it)"), ElementsAre(Says("svm/svm.c", "no such file")));
}

TEST_F(DriftOf, AFunctionMayHaveItsNameInAMacro) {
  Put("arch/x86/kvm/mmu/paging_tmpl.h", "static int FNAME(walk)(void)\n{\n\treturn 0;\n}\n");
  EXPECT_THAT(Sources("mmu/paging_tmpl.h:walk"), IsEmpty());
}

TEST_F(DriftOf, AFunctionIsSaidToBeMissedOnceWithAllItsClauses) {
  const Clause clauses[] = {{.id = "SING-01", .source = "kvm_clap, kvm_clap"},
                            {.id = "SING-02", .source = "kvm_clap"}};
  KernelTree tree = Tree();
  EXPECT_THAT(CheckSources(clauses, tree),
              ElementsAre(Says("virt/kvm/kvm_main.c:kvm_clap", "(SING-01, SING-02)")));
}

TEST_F(DriftOf, AnErrnoOfTheCodeIsMissedInTheTable) {
  EXPECT_THAT(Errnos("It fails with EAGAIN.", "kvm_sing", "4.1 KVM_SING silent"),
              ElementsAre(Says("KVM_SING", "EAGAIN in kvm_sing is not in the table (SING-01)"),
                          Says("KVM_SING", "EPERM in kvm_sing is not in the table, only in the")));
}

TEST_F(DriftOf, AnErrnoIsMissedInASectionWithoutATable) {
  EXPECT_THAT(Errnos("It fails with ENOMEM.", "kvm_hum", "4.2 KVM_HUM silent"),
              ElementsAre(Says("KVM_HUM",
                               "the section has no table of errors; the code has ENOMEM "
                               "(SING-01)")));
}

TEST_F(DriftOf, AnErrnoBelongsToTheSectionThatAClauseNamesFirst) {
  EXPECT_THAT(Errnos("", "kvm_sing", "Songs silent; 4.1 KVM_SING silent"), IsEmpty());
}

TEST_F(DriftOf, ANameThatNoHeaderHasIsOne) {
  const Clause clauses[] = {{.id = "SING-01", .doc = "4.1 KVM_SING silent"},
                            {.id = "SING-02", .doc = "4.1 KVM_SING silent"}};
  KernelTree tree = Tree();
  EXPECT_THAT(CheckNames(clauses, tree),
              ElementsAre(Says("KVM_SING", "struct kvm_tune is in no header")));
}

TEST_F(DriftOf, NothingIsFoundByNoWords) {
  KernelTree tree = Tree();
  EXPECT_THAT(FindSentences(*tree.FindDocument("api.rst"), "api.rst", " ,"), IsEmpty());
}

TEST_F(DriftOf, AFolderWithoutTheDocumentIsNoTree) {
  const auto message = [](const fs::path& folder) {
    return KernelTree::Open(folder).error().message;
  };
  EXPECT_THAT(message(folder_ / "virt"), HasSubstr("virt: has no Documentation/virt/kvm/api.rst"));
  EXPECT_THAT(message(folder_ / "none"), HasSubstr("none: no such folder"));
}

}  // namespace
}  // namespace kct
