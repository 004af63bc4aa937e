// SPDX-License-Identifier: GPL-2.0-only
// A test binary without tests of KVM: each of its "tests" ends in one way that the runner must
// cope with. It follows docs/design/protocol.md, part 1, by hand, so that it says what it wants.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "harness/base/verdict.h"

namespace kct {
namespace {

constexpr int kEvents = 3;

void Write(int fd, std::string text) {
  text += '\n';
  if (write(fd, text.data(), text.size()) < 0) _exit(1);
}

void Event(const std::string& json) { Write(kEvents, json); }

[[noreturn]] void End(Verdict verdict) {
  Event(fmt::format(R"({{"event":"end","verdict":"{}","seconds":0.001}})", Name(verdict)));
  _exit(ExitStatus(verdict));
}

void WriteTo(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY);
  Write(fd, text);
  close(fd);
}

[[noreturn]] void WaitForever() {
  WriteTo("/dev/kmsg", "tiny_test waits");
  for (;;) pause();
}

void FindKvm() {
  if (access("/dev/kvm", R_OK | W_OK) != 0 || access("/sys/fs/cgroup/cgroup.procs", F_OK) != 0) {
    End(Verdict::kFail);
  }
  End(Verdict::kPass);
}

void Fail() {
  Event(R"({"event":"failure","file":"tiny.cc","line":1,"clauses":["PREFAULT-01"],"text":"no"})");
  End(Verdict::kFail);
}

void MakeNoise() {
  for (int i = 0; i < 10'000; ++i) Write(STDOUT_FILENO, std::string(20, static_cast<char>(i)));
  Write(STDOUT_FILENO, std::string(100'000, 'x'));
  End(Verdict::kPass);
}

void Warn() {
  WriteTo("/dev/kmsg", "<4>WARNING: from tiny_test");
  End(Verdict::kPass);
}

struct Tiny {
  std::string_view name;
  std::string_view paging;
  void (*run)();
};
constexpr std::array<Tiny, 7> kTests{{
    {"Tiny.FindsKvm", "any", FindKvm},
    {"Tiny.Fails", "tdp", Fail},
    {"Tiny.Crashes", "tdp", [] { abort(); }},
    {"Tiny.IsNoisy", "tdp", MakeNoise},
    {"Tiny.MakesTheKernelWarn", "tdp", Warn},
    {"Tiny.KillsTheKernel", "tdp", [] { WriteTo("/proc/sysrq-trigger", "c"); }},
    {"Tiny.Waits", "tdp", [] { WaitForever(); }},
}};

int Main(int argc, char** argv) {
  constexpr std::string_view kFilter = "--gtest_filter=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--list-json") {
      std::string list;
      for (const Tiny& test : kTests) {
        list +=
            fmt::format(R"({}{{"name":"{}","suite":"tiny","kind":"abi","file":"tiny.cc","line":1,)"
                        R"("clauses":["PREFAULT-01"],"paging":"{}"}})",
                        list.empty() ? "" : ",", test.name, test.paging);
      }
      fmt::print("[{}]\n", list);
      return 0;
    }
    for (const Tiny& test : kTests) {
      if (argument.starts_with(kFilter) && argument.substr(kFilter.size()) == test.name) test.run();
    }
  }
  return 1;
}

}  // namespace
}  // namespace kct

int main(int argc, char** argv) { return kct::Main(argc, argv); }
