// SPDX-License-Identifier: GPL-2.0-only
// FakeApt: plays apt-get, apt-config and dpkg-deb for tests of the kernel store.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ci/kernel/command.h"
#include "ci/kernel/fake_files.h"

namespace kct {

class FakeApt {
 public:
  // Suite -> text of its Packages file. A suite that is not here is one the archive lacks.
  std::map<std::string, std::string> suites;
  enum { kOnline, kOffline, kCutOff } network = kOnline;  // kCutOff: a download breaks half way
  enum { kRoomy, kFull } disk = kRoomy;
  std::string unknown_key;  // a suite that is signed by a key which apt does not know
  std::string host_sources = "Debian|main|http://archive.example/debian/\n";
  std::vector<std::string> calls;  // "update", "download" …, in order

  // Adds a whole kernel in one package, such as Debian's up to 6.18.
  void AddKernel(const std::string& suite, const std::string& release, const std::string& version) {
    AddPackage(suite, "linux-image-" + release, version);
  }
  // Adds a kernel in three packages, such as Debian's from 7.2 on.
  void AddSplitKernel(const std::string& suite, const std::string& release,
                      const std::string& version) {
    for (const char* part : {"linux-binary-unsigned-", "linux-modules-", "linux-base-"}) {
      AddPackage(suite, part + release, version);
    }
  }
  void AddPackage(const std::string& suite, const std::string& package,
                  const std::string& version) {
    suites[suite] += "Package: " + package + "\nVersion: " + version +
                     "\nDepends: kmod\nInstalled-Size: " + installed_kib + "\nSize: 1000\n\n";
  }
  std::string installed_kib = "10";

  CommandRunner Runner() {
    return [this](const Command& command) -> Result<CommandOutput> { return Run(command); };
  }

 private:
  Result<CommandOutput> Run(const Command& command) {
    const auto& argv = command.argv;
    if (argv[0] == "apt-config") return CommandOutput{.out = "Acquire::http::Proxy \"p\";\n"};
    if (argv[0] == "dpkg-deb") return Unpack(argv[2], argv[3]);
    if (argv[0] == "tar") return UnpackSources(argv[2], argv[4]);
    if (argv[1] == "indextargets") return CommandOutput{.out = host_sources};
    calls.push_back(argv[2]);
    const std::filesystem::path configuration =
        command.environment.at(0).substr(std::string("APT_CONFIG=").size());
    if (argv[2] == "update") return Update(configuration.parent_path());
    if (argv[2] == "indextargets") return ListIndexes(configuration.parent_path());
    if (argv[2] == "download") return Download(command);
    return MakeError("unexpected call of {}", argv[2]);
  }

  CommandOutput Update(const std::filesystem::path& apt) {
    if (network == kOffline) return {0, "Err:1 x\n", "W: Failed to fetch x  No route to host\n"};
    CommandOutput output{0, "", ""};
    std::istringstream sources(ReadFile(apt / "sources.list"));
    std::string deb, arch, keys, address, suite, component;
    while (sources >> deb >> arch >> keys >> address >> suite >> component) {
      if (suite == unknown_key) {
        output.err += "W: Failed to fetch " + address + "dists/" + suite +
                      "/InRelease  The following signatures couldn't be verified: NO_PUBKEY 1234\n";
      } else if (suites.contains(suite)) {
        WriteFile(apt / "lists" / suite, suites[suite]);
        output.out += "Get:1 " + address + " " + suite + " InRelease\n";
      } else {
        output.err += "E: The repository '" + address + " " + suite + " Release' does not exist.\n";
        output.status = 100;
      }
    }
    return output;
  }

  CommandOutput ListIndexes(const std::filesystem::path& apt) {
    std::string out;
    for (const auto& [suite, text] : suites)
      out += suite + "|" + (apt / "lists" / suite).string() + "\n";
    return {0, out, ""};
  }

  CommandOutput Download(const Command& command) {
    if (network == kOffline) return {100, "", "E: Failed to fetch x  No route to host\n"};
    for (size_t i = 3; i < command.argv.size(); ++i) {
      const std::string package = command.argv[i].substr(0, command.argv[i].find('='));
      WriteFile(command.directory / (package + ".deb"), package);
      if (network == kCutOff) return {100, "", "E: Failed to fetch x  Connection reset by peer\n"};
    }
    return {0, "", ""};
  }

  CommandOutput Unpack(const std::filesystem::path& deb, const std::filesystem::path& root) {
    const std::string package = ReadFile(deb);
    const std::string release = package.substr(package.find_first_of("0123456789"));
    const auto modules = root / "usr/lib/modules" / release;
    const std::string banner = release + " (x) #1 SMP";
    if (disk == kFull) {
      WriteFile(root / "boot" / "part", "x");
      return {2, "", "dpkg-deb: error: tar: write failed: No space left on device\n"};
    }
    if (package.starts_with("linux-source-")) {
      WriteFile(root / "usr/src" / (package + ".tar.xz"), package);
    } else if (package.starts_with("linux-image-")) {
      WriteFile(root / "boot" / ("vmlinuz-" + release), FakeImage(banner));
      WriteFile(root / "boot" / ("config-" + release), "CONFIG_KVM=m\nCONFIG_KVM_AMD=m\n");
      WriteModules(root / "lib/modules" / release, release);
    } else if (package.starts_with("linux-binary-")) {
      WriteFile(modules / "vmlinuz.unsigned", FakeImage(banner));
    } else if (package.starts_with("linux-base-")) {
      WriteFile(modules / "config", "CONFIG_KVM=m\nCONFIG_KVM_AMD=m\n");
      WriteFile(modules / "System.map", "");
    } else {
      WriteModules(modules, release);
    }
    return {0, "", ""};
  }

  CommandOutput UnpackSources(const std::filesystem::path& into,
                              const std::filesystem::path& archive) {
    WriteFakeTree(into / ReadFile(archive));
    return {0, "", ""};
  }

  static void WriteModules(const std::filesystem::path& directory, const std::string& release) {
    const auto kvm = directory / "kernel/arch/x86/kvm";
    WriteFile(kvm / "kvm.ko", FakeModule(release));
    WriteFile(kvm / "kvm-amd.ko", FakeModule(release, "kvm"));
  }
};

}  // namespace kct
