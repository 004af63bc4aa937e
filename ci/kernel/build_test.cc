// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ci/kernel/cache.h"
#include "ci/kernel/fake_files.h"
#include "ci/kernel/load_order.h"

namespace kct {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kRelease[] = "7.3.4-tiny";

// Plays compiler, make and the other tools.
class FakeMake {
 public:
  std::string missing;  // a tool that is not installed, or libelf.h
  std::string gcc = "gcc 12";
  std::string made_config = "CONFIG_KVM=m\nCONFIG_KVM_AMD=m\n";
  std::string failure;              // what the compiler says
  std::function<void()> meanwhile;  // while it compiles
  std::vector<std::string> goals;   // of make, in order

  CommandRunner Runner() {
    return [this](const Command& command) -> Result<CommandOutput> { return Run(command); };
  }

 private:
  Result<CommandOutput> Run(const Command& command) {
    const auto& argv = command.argv;
    if (argv[0] == missing) return MakeError("can't run {}: is it installed?", missing);
    if (argv[0] == "git") return CommandOutput{128, "", "not a git repository\n"};
    if (argv.size() > 5 && argv[5] == missing) return CommandOutput{1, "", "no such header\n"};
    if (argv[0] != "make" || argv.size() < 4) {
      return CommandOutput{0, (argv[0] == "gcc" ? gcc : argv[0]) + "\nmore\n", ""};
    }
    const fs::path folder = argv[3].substr(2);
    if (argv.back() == "allnoconfig") return Configure(folder);
    if (argv.back() == "DEPMOD=true") return Install(folder);
    return Compile(folder, command);
  }

  CommandOutput Configure(const fs::path& folder) {
    goals.push_back("configure");
    WriteFile(folder / ".config", made_config);
    return {};
  }

  CommandOutput Compile(const fs::path& folder, const Command& command) {
    goals.push_back("compile");
    const std::string out = "  CC      a.o\n  LD      a\n  AS      b.o\n";
    command.on_line("  CC      a.o");
    command.on_line("  LD      a");
    command.on_line("  AS      b.o");
    if (meanwhile) meanwhile();
    if (!failure.empty()) return {2, out, failure};
    WriteFile(folder / "arch/x86/boot/bzImage", FakeImage(std::string(kRelease) + " (kct) #1"));
    WriteFile(folder / "System.map", "");
    return {0, out, ""};
  }

  CommandOutput Install(const fs::path& folder) {
    goals.push_back("install");
    const fs::path modules = folder / "installed/lib/modules" / kRelease;
    WriteFile(modules / "kernel/kvm.ko", FakeModule(kRelease));
    WriteFile(modules / "kernel/kvm-amd.ko", FakeModule(kRelease, "kvm"));
    fs::create_symlink(folder, modules / "build");
    return {};
  }
};

class KernelBuilderTest : public testing::Test {
 protected:
  KernelBuilderTest() {
    WriteFakeTree(dir_ / "linux");
    WriteFile(dir_ / "fragments/base.config", "CONFIG_KVM=m\n");
    WriteFile(dir_ / "fragments/tiny.config", "");
  }

  // As a new process would.
  Result<Kernel> Build(std::string_view configs = "tiny") {
    auto source = ReadSourceTree(dir_ / "linux", make_.Runner());
    auto config = BuildConfig::Load(dir_ / "fragments", configs);
    return KernelBuilder(dir_ / "cache", make_.Runner())
        .Build({*source, *config, 2}, [this](std::string_view line) { notes_.emplace_back(line); });
  }
  std::string Failure() {
    const auto kernel = Build();
    return kernel ? "it was built" : kernel.error().message;
  }
  fs::path Objects() {
    for (const auto& entry : fs::directory_iterator(dir_ / "cache/build")) return entry.path();
    return {};
  }

  TempDir dir_;
  FakeMake make_;
  std::vector<std::string> notes_;
};

TEST_F(KernelBuilderTest, MakesAKernelThatCanBoot) {
  const auto kernel = Build();
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_EQ(kernel.value().release, kRelease);
  EXPECT_THAT(kernel.value().spec, HasSubstr("built:tiny@"));
  EXPECT_TRUE(fs::exists(kernel.value().config));
  EXPECT_TRUE(fs::exists(kernel.value().system_map));
  EXPECT_TRUE(ModulesInLoadOrder(kernel.value(), {"kvm-amd"}));
  EXPECT_FALSE(fs::is_symlink(fs::symlink_status(kernel.value().modules / "build")));
  EXPECT_THAT(make_.goals, ElementsAre("configure", "compile", "install"));
  EXPECT_EQ(BuiltStore(dir_ / "cache").List().at(0).steps, 2u);
}

TEST_F(KernelBuilderTest, BuildsTheSameOnce) {
  ASSERT_TRUE(Build());
  make_.goals.clear();
  ASSERT_TRUE(Build());
  EXPECT_THAT(make_.goals, IsEmpty());
}

TEST_F(KernelBuilderTest, BuildsAnewFromOtherSourcesConfigurationOrCompiler) {
  ASSERT_TRUE(Build());
  WriteFile(dir_ / "linux/arch/x86/kvm/x86.c", "int edited;\n");
  ASSERT_TRUE(Build());
  WriteFile(dir_ / "fragments/tiny.config", "CONFIG_KVM_AMD=m\n");
  ASSERT_TRUE(Build());
  make_.gcc = "gcc 14";
  ASSERT_TRUE(Build());
  EXPECT_THAT(BuiltStore(dir_ / "cache").List(), SizeIs(4));
}

// All of these share the folder with the objects, so that little is compiled anew.
// The kernel's make would take what follows a comma in its paths for another option.
TEST_F(KernelBuilderTest, BuildsSeveralConfigurationsInAFolderWithoutCommas) {
  WriteFile(dir_ / "fragments/other.config", "");
  const auto kernel = Build("tiny,other");
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_THAT(Objects().filename().string(), testing::StartsWith("other-tiny_"));
}

TEST_F(KernelBuilderTest, KeepsTheObjectsForTheNextBuild) {
  ASSERT_TRUE(Build());
  WriteFile(Objects() / "a.o", "object");
  WriteFile(dir_ / "linux/arch/x86/kvm/x86.c", "int edited;\n");
  ASSERT_TRUE(Build());
  EXPECT_EQ(ReadFile(Objects() / "a.o"), "object");
}

TEST_F(KernelBuilderTest, GoesOnAfterABuildThatBroke) {
  make_.failure = "Killed\n";
  EXPECT_THAT(Failure(), HasSubstr("kernel build: Killed"));
  WriteFile(Objects() / "a.o", "object");
  make_.failure = "";
  EXPECT_TRUE(Build());
  EXPECT_EQ(ReadFile(Objects() / "a.o"), "object");
}

TEST_F(KernelBuilderTest, SaysWhichToolThisMachineLacks) {
  for (const char* tool : {"gcc", "make", "flex", "bison", "bc"}) {
    make_.missing = tool;
    EXPECT_EQ(Failure(),
              fmt::format("kernel build: this machine lacks {0} (Debian: apt-get install "
                          "{0})",
                          tool));
  }
  make_.missing = "ld";
  EXPECT_THAT(Failure(), HasSubstr("lacks ld (Debian: apt-get install binutils)"));
  make_.missing = "libelf.h";
  EXPECT_THAT(Failure(), HasSubstr("lacks libelf-dev (Debian: apt-get install libelf-dev)"));
  EXPECT_THAT(make_.goals, IsEmpty());
}

TEST_F(KernelBuilderTest, NamesAnOptionThatDidNotTake) {
  make_.made_config = "CONFIG_KVM_AMD=m\n";
  EXPECT_THAT(Failure(), HasSubstr("kernel config 'tiny' did not take in 7.3.4: CONFIG_KVM=m of "
                                   "base.config is n"));
  EXPECT_THAT(make_.goals, ElementsAre("configure"));
}

TEST_F(KernelBuilderTest, SaysInOneLineWhyMakeFailed) {
  make_.failure =
      "In file included from x.h:1:\nmm/ksm.c:7:1: error: no such thing\n"
      "make[1]: *** [Makefile:1: mm/ksm.o] Error 1\n";
  EXPECT_THAT(Failure(),
              HasSubstr("kernel build: mm/ksm.c:7:1: error: no such thing (all of it: "));
  EXPECT_THAT(ReadFile(Objects() / "build.log"), HasSubstr("In file included from"));
  make_.failure =
      "{standard input}: Error: x\nfatal error: error writing to a.s: No space left on device\n";
  EXPECT_THAT(Failure(), HasSubstr("No space left on device (all of it"));
}

TEST_F(KernelBuilderTest, KeepsNoKernelOfSourcesThatChangedMeanwhile) {
  make_.meanwhile = [this] { WriteFile(dir_ / "linux/arch/x86/kvm/x86.c", "int edited;\n"); };
  EXPECT_THAT(Failure(), HasSubstr("changed while it was being built; build again"));
  EXPECT_THAT(BuiltStore(dir_ / "cache").List(), IsEmpty());
}

TEST_F(KernelBuilderTest, RefusesASecondBuildInTheSameFolder) {
  ASSERT_TRUE(Build());
  const auto lock = LockFile(Objects() / "lock", Duration::zero(), "");
  ASSERT_TRUE(lock);
  WriteFile(dir_ / "linux/arch/x86/kvm/x86.c", "int edited;\n");
  EXPECT_THAT(Failure(), HasSubstr("kernel build: another kct is building in"));
}

TEST_F(KernelBuilderTest, SaysWhenTheCacheCantBeMade) {
  WriteFile(dir_ / "cache", "a file");
  EXPECT_THAT(Failure(), HasSubstr("kernel cache "));
}

TEST(BuildProgress, CountsWhatIsCompiledAndSaysSoNowAndThen) {
  std::vector<std::string> notes;
  BuildProgress progress(1400, Duration::zero(),
                         [&](std::string_view line) { notes.emplace_back(line); });
  progress.OnLine("  GEN     include/x.h");
  progress.OnLine("  CC      mm/ksm.o");
  progress.OnLine("  CC [M]  arch/x86/kvm/x86.o");
  EXPECT_THAT(notes, ElementsAre("1 files compiled of about 1400 in 0:00 min; now mm/ksm.o",
                                 "2 files compiled of about 1400 in 0:00 min; now "
                                 "arch/x86/kvm/x86.o"));
  BuildProgress wrong(1, Duration::zero(),
                      [&](std::string_view line) { notes.emplace_back(line); });
  wrong.OnLine("  CC      a.o");
  wrong.OnLine("  CC      b.o");
  EXPECT_EQ(notes.back(), "2 files compiled in 0:00 min; now b.o");
  notes.clear();
  BuildProgress rare(0, 1h, [&](std::string_view line) { notes.emplace_back(line); });
  rare.OnLine("  CC      a.o");
  EXPECT_THAT(notes, IsEmpty());
  EXPECT_EQ(rare.steps(), 1u);
}

}  // namespace
}  // namespace kct
