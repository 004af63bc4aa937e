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

// A history of one VM; `answer` is what a prefault of a slot that stands says.
std::string HistoryWithAnswer(const std::string& answer) {
  return "kct-history 1\ntest A.b\nkernel 7.3\nseed 1\nvm\nrules tdp prefault\nlane main\n"
         "@0..10 main SET_USER_MEMORY_REGION slot=1 gpa=0x1000 size=0x1000 hva=0x7f0000 -> 0\n"
         "@20..30 main PRE_FAULT_MEMORY vcpu=0 gpa=0x1000 size=0x1000 -> " +
         answer + "\n";
}

TEST_F(Cli, JudgesHistories) {
  const std::string good = Put("good.txt", HistoryWithAnswer("0"));
  const CommandOutput output = Kct({"judge", good});
  EXPECT_EQ(output.status, 0) << output.err;
  EXPECT_THAT(output.out, HasSubstr("good.txt: explained: 2 of 2 calls judged"));

  Put("unsure.txt",
      "kct-history 1\ntest A.b\nkernel 7.3\nseed 1\nvm\nrules\nlane m\n"
      "@5..2 m RUN vcpu=0 -> 0\n");
  const CommandOutput unsure = Kct({"judge", good, folder_ / "unsure.txt"});
  EXPECT_EQ(unsure.status, static_cast<int>(Exit::kInconclusive));
  EXPECT_THAT(unsure.out, HasSubstr("2 histories of VMs: 1 explained, 0 contradicted, 1 given up"));
}

TEST_F(Cli, ShowsAContradictionInWordsAndAsAPicture) {
  EXPECT_TRUE(MakeFolder(folder_ / "run/tests/A.b").ok());
  Put("run/tests/A.b/history.txt", HistoryWithAnswer("ENOENT"));
  const CommandOutput output = Kct({"judge", folder_ / "run"});
  EXPECT_EQ(output.status, static_cast<int>(Exit::kFindings)) << output.err;
  EXPECT_THAT(output.out, AllOf(HasSubstr("ENOENT; the model allows 0"), HasSubstr("PREFAULT-18")));
  const auto html = ReadFile(folder_ / "run/tests/A.b/contradiction.html");
  ASSERT_TRUE(html.ok());
  EXPECT_THAT(html.value(), AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr("PREFAULT-18")));

  const std::filesystem::path svg = folder_ / "picture.svg";
  Kct({"judge", folder_ / "run/tests/A.b", "--picture", svg});
  EXPECT_THAT(ReadFile(svg).value(), StartsWith("<svg "));
}

TEST_F(Cli, JudgesWithABrokenModel) {
  const std::string good = Put("good.txt", HistoryWithAnswer("0"));
  const CommandOutput output = Kct({"judge", good, "--plant", "prefault-keeps-size"});
  EXPECT_EQ(output.status, static_cast<int>(Exit::kFindings));
  EXPECT_THAT(output.out, HasSubstr("PREFAULT-18"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "contradiction.html"));
  EXPECT_THAT(Kct({"judge", "--list-bugs"}).out, HasSubstr("prefault-keeps-size"));
}

TEST_F(Cli, RefusesWhatIsNoHistory) {
  ExpectRefusal(Kct({"judge"}), Exit::kUsage, "PATH is required");
  ExpectRefusal(Kct({"judge", "/nowhere"}), Exit::kUsage, "/nowhere: no such file or folder");
  ExpectRefusal(Kct({"judge", folder_}), Exit::kUsage, "has neither history.txt nor tests/*/");
  ExpectRefusal(Kct({"judge", Put("bad.txt", "hello\n")}), Exit::kUsage,
                "bad.txt:1: 'hello': expected 'kct-history'");
  const std::string good = Put("good.txt", HistoryWithAnswer("0"));
  ExpectRefusal(Kct({"judge", good, "--plant", "x"}), Exit::kUsage, "no bug 'x'");
  ExpectRefusal(Kct({"judge", good, "--picture", "x.png"}), Exit::kUsage,
                "x.png ends neither in .svg nor in .html");
}

TEST_F(Cli, ExplainsItsExitStatus) {
  const CommandOutput help = Kct({"run", "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("130 interrupted"));
}

}  // namespace
}  // namespace kct
