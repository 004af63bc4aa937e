// SPDX-License-Identifier: GPL-2.0-only
// Bad input to the program itself: one clear line, and the right exit status.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>

#include "ci/kct/exit_status.h"
#include "ci/kernel/command.h"
#include "ci/vm/files.h"

namespace kct {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class Cli : public testing::Test {
 protected:
  Cli() {
    std::string pattern = testing::TempDir() + "/kct-cli-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    EXPECT_TRUE(MakeFolder(folder_ / "suites").ok());
    // Lists one test, and is not what a VM can run.
    Put("suites/a_test",
        "#!/bin/sh\necho '[{\"name\":\"A.b\",\"suite\":\"a\",\"kind\":\"abi\",\"file\":\"a.cc\","
        "\"line\":1,\"clauses\":[\"PREFAULT-01\"],\"paging\":\"any\"}]'\n");
    chmod((folder_ / "suites/a_test").c_str(), 0755);
  }
  ~Cli() override { std::filesystem::remove_all(folder_); }

  std::string Put(const std::string& name, const std::string& content) {
    EXPECT_TRUE(WriteFile(folder_ / name, content).ok());
    return folder_ / name;
  }
  CommandOutput Kct(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    arguments.insert(arguments.begin(), KCT_PROGRAM);
    return RunCommand({.argv = arguments, .environment = environment, .directory = folder_})
        .value();
  }
  CommandOutput Run(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    arguments.insert(arguments.begin(), {"run", "--programs", folder_ / "suites"});
    return Kct(arguments, environment);
  }
  // One line on standard error that has `words`.
  void ExpectRefusal(const CommandOutput& output, Exit exit, const std::string& words) {
    EXPECT_EQ(output.status, static_cast<int>(exit)) << output.err;
    EXPECT_THAT(output.err, AllOf(StartsWith("kct: "), EndsWith("\n"), HasSubstr(words)));
    EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
  }

  std::filesystem::path folder_;
};

TEST_F(Cli, ListsWithoutAKernel) {
  const CommandOutput output = Run({"--list"});
  EXPECT_EQ(output.status, 0) << output.err;
  EXPECT_THAT(output.out, HasSubstr("A.b"));
}

TEST_F(Cli, ProvesOnlyWhatHasALieForEachTest) {
  const auto prove = [&] { return Kct({"prove", "--programs", folder_ / "suites"}); };
  ExpectRefusal(prove(), Exit::kFindings, "A.b: no lie for it in tests/a/can_fail.txt");
  Put("suites/a.can_fail.txt", "A.b  lie\nA.c  lie\n");
  ExpectRefusal(prove(), Exit::kFindings, "names A.c, which is no test");
  Put("suites/a.can_fail.txt", "A.b\n");
  ExpectRefusal(prove(), Exit::kUsage, "a.can_fail.txt:1: expected SUITE.NAME");
}

// A made-up kernel whose document has none of the sections that clauses point at.
TEST_F(Cli, DriftThatIsKnownIsNoFinding) {
  for (const char* part : {"Documentation", "Documentation/virt", "Documentation/virt/kvm"}) {
    EXPECT_TRUE(MakeFolder(folder_ / part).ok());
  }
  Put("Documentation/virt/kvm/api.rst", "Songs\n=====\n\nNobody claps.\n");
  const auto drift = [&](const std::string& known) {
    return Kct({"drift", "--tree", folder_, "--known", Put("known", known)});
  };
  const CommandOutput news = drift("");
  EXPECT_EQ(news.status, static_cast<int>(Exit::kFindings));
  EXPECT_THAT(news.out, HasSubstr("  PREFAULT-05  4.143 KVM_PRE_FAULT_MEMORY \"EINVAL\""));
  const CommandOutput known = drift("PREFAULT-05 | 4.143 KVM_PRE_FAULT_MEMORY | it is made up\n");
  EXPECT_THAT(known.out, HasSubstr("\nKnown\n  PREFAULT-05  4.143 KVM_PRE_FAULT_MEMORY"));
  EXPECT_THAT(known.out, HasSubstr("\n      it is made up\n"));
  const CommandOutput gone = drift("PREFAULT-05 | is bigger | it is made up\n");
  EXPECT_THAT(gone.out, HasSubstr("Known, but not in this tree\n  PREFAULT-05  is bigger\n"));
  ExpectRefusal(drift("PREFAULT-05\n"), Exit::kUsage, "known:1: expected SUBJECT |");
  ExpectRefusal(Kct({"drift", "--tree", folder_ / "none"}), Exit::kUsage, "no such folder");
}

TEST_F(Cli, SaysWhatACallAnswers) {
  const auto answers = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"clauses", "--call", "KVM_PRE_FAULT_MEMORY"});
    return Kct(more);
  };
  const CommandOutput on_6_12 = answers({"--kernel", "6.12", "--vm", "default"});
  EXPECT_EQ(on_6_12.status, 0) << on_6_12.err;
  EXPECT_THAT(on_6_12.out,
              HasSubstr("EINVAL when size is 0\n    PREFAULT-05, documented; needs any"));
  EXPECT_THAT(on_6_12.out, HasSubstr("    but 6.12: never returns, nor does the deleter"));
  EXPECT_THAT(on_6_12.out, testing::Not(HasSubstr("PREFAULT-14")));  // for TDX only
  EXPECT_THAT(answers({"--vm", "tdx"}).out, HasSubstr("PREFAULT-14"));
  ExpectRefusal(answers({"--vm", "vax"}), Exit::kUsage, "--vm: 'vax' is not one of default, swp");
  ExpectRefusal(answers({"--kernel", "new"}), Exit::kUsage, "new");
  ExpectRefusal(Kct({"clauses", "--call", "KVM_SEV_SNP_LAUNCH_FINISH", "--kernel", "6.1"}),
                Exit::kNothingShown, "no clause says what KVM_SEV_SNP_LAUNCH_FINISH answers there");
  ExpectRefusal(Kct({"clauses", "--call", "KVM_HUM"}), Exit::kUsage,
                "--call: no clause says what KVM_HUM answers; expected one of");
  ExpectRefusal(Kct({"clauses", "--vm", "snp"}), Exit::kUsage, "--call");
}

TEST_F(Cli, RefusesBadOptions) {
  ExpectRefusal(Run({"--filter", "Z*"}), Exit::kUsage, "no test matches: --filter Z*");
  ExpectRefusal(Run({"--filter", "A::b"}), Exit::kUsage, "empty pattern");
  ExpectRefusal(Run({"--clause", "PREFAULT-999"}), Exit::kUsage, "no clause PREFAULT-999");
  ExpectRefusal(Run({"--suite", "zz"}), Exit::kUsage, "no suite 'zz'");
  ExpectRefusal(Run({"--seed", "lucky"}), Exit::kUsage, "'lucky' is no number");
  ExpectRefusal(Run({"--repeat", "0"}), Exit::kUsage, "repeat");
  ExpectRefusal(Run({"--mode", "ept"}), Exit::kUsage, "ept");
  ExpectRefusal(Run({"--memory", "lots"}), Exit::kUsage, "'lots' is no size");
  ExpectRefusal(Run({"--wings", "2"}), Exit::kUsage, "--wings");
  ExpectRefusal(Run({"--kernel", "debian:soon"}), Exit::kUsage, "soon");
  ExpectRefusal(Kct({}), Exit::kUsage, "subcommand");
}

TEST_F(Cli, RefusesAKnownFailuresFileThatItCantUse) {
  ExpectRefusal(Run({"--known", folder_ / "none.txt"}), Exit::kUsage, "none.txt: ENOENT");
  const std::string bad = Put("bad.txt", "PREFAULT-01 | 6.12\n");
  ExpectRefusal(Run({"--known", bad}), Exit::kUsage, "bad.txt:1: expected CLAUSE");
}

TEST_F(Cli, RefusesARunFolderThatIsNone) {
  ExpectRefusal(Run({"--out", Put("file", "")}), Exit::kUsage, "file is a file, not a folder");
  Put("run.json", "{}");
  ExpectRefusal(Run({"--out", folder_}), Exit::kUsage, "holds another run");
}

TEST_F(Cli, RefusesWhatIsNoKernel) {
  const std::string text = Put("text", std::string(4096, 'x'));
  ExpectRefusal(Run({"--kernel", text, "--modules", folder_}), Exit::kUsage, text);
  ExpectRefusal(Run({"--kernel", folder_ / "none", "--modules", folder_}), Exit::kUsage, "none");
}

TEST_F(Cli, SaysWhichPackageHasQemu) {
  ExpectRefusal(Run({}, {"PATH=/nowhere"}), Exit::kMachine, "apt-get install qemu-system-x86");
}

TEST_F(Cli, RefusesAFolderWithoutTests) {
  ExpectRefusal(Kct({"run", "--programs", "/nowhere"}), Exit::kUsage, "no test binaries");
}

TEST_F(Cli, RefusesATestOfASessionThatIsNotThere) {
  ExpectRefusal(Kct({"session", "--dir", folder_, "run", "A.b"}), Exit::kUsage, "no session in");
  EXPECT_EQ(Kct({"session", "--dir", folder_, "stop"}).status, 0);
}

TEST_F(Cli, LooksForDriftInSourcesOfAKernelOnly) {
  ExpectRefusal(Kct({"drift"}), Exit::kUsage, "--tree is required");
  ExpectRefusal(Kct({"drift", "--tree", "/nowhere"}), Exit::kUsage, "/nowhere: no such folder");
  ExpectRefusal(Kct({"drift", "--tree", folder_}), Exit::kUsage,
                "has no Documentation/virt/kvm/api.rst");
  const auto find = [&](const char* words, const char* document) {
    return Kct({"drift", "--tree", folder_, "--find", words, "--document", document});
  };
  EXPECT_TRUE(MakeFolder(folder_ / "Documentation/virt/kvm").ok());
  Put("Documentation/virt/kvm/api.rst", "4.1 KVM_SING\n============\n\nThe choir sings.\n");
  EXPECT_THAT(find("choir", "api.rst").out,
              HasSubstr("Doc       4.1 KVM_SING \"The choir sings\" sha:"));
  ExpectRefusal(find("hum", "api.rst"), Exit::kFindings, "no sentence has all of the words 'hum'");
  ExpectRefusal(find("hum", "b.rst"), Exit::kUsage, "has no document b.rst");
}

TEST_F(Cli, ExplainsItsExitStatus) {
  const CommandOutput help = Kct({"run", "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("130 interrupted"));
}

}  // namespace
}  // namespace kct
