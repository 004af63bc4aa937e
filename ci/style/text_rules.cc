// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <regex>

#include "ci/style/rule.h"

namespace kct::style {
namespace {

constexpr int kMostLines = 800;
constexpr int kMostColumns = 100;
constexpr std::string_view kLicence = "SPDX-License-Identifier: GPL-2.0-only";

bool Everywhere(const SourceFile&) { return true; }
bool InCode(const SourceFile& file) { return file.IsCpp() || file.EndsWith(".S"); }
bool OutsideLicence(const SourceFile& file) { return file.path != "LICENSE"; }

std::function<std::vector<Finding>(const SourceFile&)> Check(
    Where where, std::function<std::vector<Finding>(const SourceFile&)> check) {
  return [=](const SourceFile& file) { return where(file) ? check(file) : std::vector<Finding>(); };
}

// Calls `visit(number, line)` for each line.
template <typename Visit>
void EachLine(std::string_view text, Visit visit) {
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    visit(number, line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
}

std::vector<Finding> CheckLength(const SourceFile& file) {
  const int lines = static_cast<int>(std::count(file.text.begin(), file.text.end(), '\n'));
  if (lines <= kMostLines) return {};
  return {{0, std::to_string(lines) + " lines"}};
}

std::vector<Finding> CheckColumns(const SourceFile& file) {
  std::vector<Finding> findings;
  EachLine(file.text, [&](int number, std::string_view line) {
    // Bytes that continue a UTF-8 sequence take no column.
    const auto columns = std::count_if(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    });
    if (columns > kMostColumns) findings.push_back({number, std::to_string(columns) + " columns"});
  });
  return findings;
}

std::vector<Finding> CheckLicence(const SourceFile& file) {
  const size_t second = file.text.find('\n', file.text.find('\n') + 1);
  if (file.text.substr(0, second).find(kLicence) != std::string::npos) return {};
  return {{1, "no licence line"}};
}

std::vector<Finding> CheckPragmaOnce(const SourceFile& file) {
  if (file.text.find("\n#pragma once\n") != std::string::npos) return {};
  return {{0, "no #pragma once"}};
}

std::vector<Finding> CheckClaims(const SourceFile& file) {
  std::vector<Finding> findings;
  std::string_view before;
  EachLine(file.text, [&](int number, std::string_view line) {
    const bool test = line.starts_with("KCT_TEST(") || line.starts_with("KCT_TEST_P(") ||
                      line.starts_with("TEST");
    if (test && !before.starts_with("//")) {
      findings.push_back({number, "a test without its claim: " + std::string(line)});
    }
    before = line;
  });
  return findings;
}

Rule Errno() {
  return {.name = "errno",
          .message = "errno is read in harness/base and harness/abi only; use LastErrno()",
          .check = Never(R"(\berrno\b)", Look::kCode,
                         [](const SourceFile& file) {
                           return InCode(file) && !file.IsIn("harness/base") &&
                                  !file.IsIn("harness/abi");
                         }),
          .trips = {{"tests/prefault/x.cc", "EXPECT_EQ(errno, EAGAIN);\n"}},
          .passes = {{"harness/abi/ioctl.cc", "return errno;\n"},
                     {"ci/vm/x.cc", "#include <cerrno>\n// errno is lost here\n"},
                     {"ci/vm/y.cc", "return LastErrno();\n"}}};
}

Rule Sleep() {
  return {.name = "sleep",
          .message = "nothing sleeps; wait for a condition with a deadline",
          .check =
              [](const SourceFile& file) {
                static const auto in_code =
                    Never(R"(\b(u|nano|clock_nano)?sleep(_for|_until)?\s*\()", Look::kCode, InCode);
                static const auto in_scripts = Never(R"(^\s*sleep\s|[;&|]\s*sleep\s|time\.sleep\()",
                                                     Look::kText, [](const SourceFile& script) {
                                                       return script.EndsWith(".sh") ||
                                                              script.EndsWith(".py") ||
                                                              script.text.starts_with("#!");
                                                     });
                return InCode(file) ? in_code(file) : in_scripts(file);
              },
          .trips = {{"harness/race/x.cc", "std::this_thread::sleep_for(1ms);\n"},
                    {"ci/vm/x.cc", "  usleep(10);\n"},
                    {"ci/vm/y.cc", "nanosleep(&time, nullptr);\n"},
                    {"ci/x", "#!/bin/sh\nmake; sleep 1\n"},
                    {"ci/x.py", "import time\ntime.sleep(1)\n"}},
          .passes = {{"ci/vm/qemu.cc", "Add(\"-icount\", \"sleep=off\");\n"},
                     {"harness/race/x.cc", "// never sleep() here\nint sleeper = Sleepers();\n"},
                     {"docs/x.md", "then sleep (well)\n"}}};
}

Rule Ioctl() {
  return {.name = "ioctl",
          .message = "ioctl() is called in harness/abi only, and in harness/bench to compare with",
          .check = Never(R"(\bioctl\s*\()", Look::kCode,
                         [](const SourceFile& file) {
                           return InCode(file) && !file.IsIn("harness/abi") &&
                                  !file.IsIn("harness/bench");
                         }),
          .trips = {{"harness/kvm/vm.cc", "ioctl(fd, KVM_RUN, 0);\n"},
                    {"tests/memslot/x.cc", "::ioctl (fd, 1);\n"}},
          .passes = {{"harness/abi/ioctl.cc", "return ioctl(fd, number, argument);\n"},
                     {"harness/kvm/vm.cc", "Ioctl(fd); /* ioctl( */ Say(\"ioctl(\");\n"}}};
}

Rule Names() {
  return {.name = "names",
          .message =
              "a name says what the thing is; not Basic, Helper, Manager, Misc, Util, Works, "
              "Test1",
          .check =
              [](const SourceFile& file) {
                static const std::regex bad_file("(^|_)(helper|manager|misc|util)s?[_.]");
                static const auto in_code = Never(
                    R"((Basic|Helpers?|Managers?|Misc|Utils?|Test[0-9]+)(?![a-z0-9])|\bWorks\b)",
                    Look::kCode, [](const SourceFile& source) { return source.IsCpp(); });
                auto findings = in_code(file);
                const std::string name(file.Name());
                if (std::regex_search(name, bad_file)) findings.push_back({0, "named " + name});
                return findings;
              },
          .trips = {{"harness/kvm/vm_util.cc", ""},
                    {"harness/kvm/x.cc", "class SlotManager {};\n"},
                    {"tests/memslot/x.cc", "KCT_TEST(Create, Works) {}\n"},
                    {"tests/memslot/y.cc", "KCT_TEST(Create, Test1) {}\n"}},
          .passes = {{"harness/kvm/x.cc", "std::basic_string<char> s; int Utilization();\n"},
                     {"docs/x.md", "A Manager of Helpers\n"}}};
}

Rule BoolParameters() {
  return {.name = "bool-parameters",
          .message = "no bool parameters in public headers; an enum says at the call what is meant",
          .check = Never(
              R"([(,]\s*(const\s+)?bool(\s*&)?(\s+\w+)?\s*[,)=])", Look::kCode,
              [](const SourceFile& file) { return file.IsIn("harness") && file.EndsWith(".h"); }),
          .trips = {{"harness/kvm/x.h", "void Wait(bool expect_crash);\n"},
                    {"harness/kvm/y.h", "void Wait(int a,\n          const bool b = true);\n"}},
          .passes = {{"harness/kvm/x.h", "bool ok() const;\nexplicit operator bool() const;\n"},
                     {"harness/kvm/y.h", "void Wait(std::function<bool(int)> condition);\n"},
                     {"harness/kvm/z.cc", "void Set(bool on) {}\n"}}};
}

Rule Todo() {
  // In two halves, so that this file passes its own rule.
  const std::string todo =
      "TO"
      "DO";
  return {.name = "todo",
          .message = "open ends are written " + todo + "(#number): what is to be done",
          .check = Never("\\b(FIX"
                         "ME|XX"
                         "X|HA"
                         "CK|" +
                             todo + "(?!\\(#[0-9]+\\): ))\\b",
                         Look::kText, OutsideLicence),
          .trips = {{"ci/x.cc", "// " + todo + ": later\n"},
                    {"ci/y.cc", "// " + todo + "(me): later\n"},
                    {"docs/x.md",
                     "FIX"
                     "ME\n"}},
          .passes = {{"ci/x.cc", "// " + todo + "(#12): later\n"}, {"ci/y.cc", "int xxx;\n"}}};
}

Rule Hosts() {
  const std::string domain = "debian.org";
  return {.name = "hosts",
          .message = "addresses of package archives come from the machine's own configuration",
          .check = Never(
              R"(\b(deb|security|ftp\w*|cdn[\w-]*|snapshot|archive|mirrors?)\.(\w+\.)*debian\.org)",
              Look::kText, Everywhere),
          .trips = {{"ci/x.cc", "const char* host = \"deb." + domain + "\";\n"},
                    {"docs/x.md", "from http://ftp.de." + domain + "/debian\n"}},
          .passes = {{"docs/x.md", "See https://wiki." + domain + "/KVM\n"}}};
}

Rule CMakeFlags() {
  return {.name = "cmake",
          .message = "leaf CMakeLists.txt have targets only; flags belong to cmake/",
          .check = Never(
              R"(^\s*(include_directories|link_libraries|add_(definitions|compile_options))\s*\()"
              R"(|CMAKE_CXX_FLAGS|file\s*\(\s*GLOB)",
              Look::kText, [](const SourceFile& file) { return file.Name() == "CMakeLists.txt"; }),
          .trips = {{"ci/CMakeLists.txt", "include_directories(x)\n"},
                    {"ci/vm/CMakeLists.txt", "set(CMAKE_CXX_FLAGS \"-O3\")\n"}},
          .passes = {{"ci/CMakeLists.txt", "target_include_directories(a PUBLIC b)\n"},
                     {"cmake/x.cmake", "set(CMAKE_CXX_FLAGS x)\n"}}};
}

Rule Whitespace() {
  return {.name = "white-space",
          .message = "no white space at the end of a line, no tabs in code",
          .check =
              [](const SourceFile& file) {
                static const auto trailing = Never("[ \t\r]$", Look::kText, OutsideLicence);
                static const auto tabs = Never("\t", Look::kText, InCode);
                auto findings = trailing(file);
                for (const Finding& finding : tabs(file)) findings.push_back(finding);
                return findings;
              },
          .trips = {{"docs/x.md", "a line \n"}, {"ci/x.cc", "\tint x;\n"}},
          .passes = {{"docs/x.md", "a\tline\n\n"}}};
}

Rule Length() {
  std::string long_text;
  for (int i = 0; i <= kMostLines; ++i) long_text += "x\n";
  return {.name = "length",
          .message = "a file has at most " + std::to_string(kMostLines) + " lines",
          .check = Check([](const SourceFile& file) { return file.IsProgramText(); }, CheckLength),
          .trips = {{"ci/x.cc", long_text}},
          .passes = {{"ci/x.cc", long_text.substr(2)}, {"docs/x.md", long_text}}};
}

Rule Columns() {
  const std::string hundred(kMostColumns, 'x');
  return {.name = "columns",
          .message = "a line has at most " + std::to_string(kMostColumns) + " columns",
          .check = Check([](const SourceFile& file) { return file.IsProgramText(); }, CheckColumns),
          .trips = {{"ci/x.cc", hundred + "x\n"}},
          .passes = {{"ci/x.cc", hundred + "\n"},
                     {"ci/y.cc", hundred.substr(3) + "\u2026\u2026\u2026\n"},
                     {"docs/x.md", hundred + "x\n"}}};
}

Rule Licence() {
  return {.name = "licence",
          .message = "a source has the SPDX line of GPL-2.0-only in its first two lines",
          .check = Check([](const SourceFile& file) { return file.IsProgramText(); }, CheckLicence),
          .trips = {{"ci/x.cc", "int x;\n"}, {"ci/run", "#!/bin/sh\n\nls\n"}},
          .passes = {{"ci/x.cc", "// " + std::string(kLicence) + "\nint x;\n"},
                     {"ci/run", "#!/bin/sh\n# " + std::string(kLicence) + "\n"},
                     {"docs/x.md", "text\n"}}};
}

Rule PragmaOnce() {
  return {
      .name = "pragma-once",
      .message = "a header has #pragma once",
      .check = Check([](const SourceFile& file) { return file.EndsWith(".h"); }, CheckPragmaOnce),
      .trips = {{"ci/x.h", "#ifndef X\n#define X\n#endif\n"}},
      .passes = {{"ci/x.h", "// x\n#pragma once\nint x;\n"}, {"ci/x.cc", "int x;\n"}}};
}

Rule Claims() {
  return {.name = "claims",
          .message = "the claim stands above every test, as a comment",
          .check = Check(
              [](const SourceFile& file) { return file.IsIn("tests") && file.EndsWith(".cc"); },
              CheckClaims),
          .trips = {{"tests/memslot/x.cc", "\nKCT_TEST(Create, MakesASlot) {}\n"},
                    {"tests/memslot/y.cc", "\nKCT_TEST_P(Create, MakesEach) {}\n"}},
          .passes = {{"tests/memslot/x.cc", "// A claim.\nKCT_TEST(Create, MakesASlot) {}\n"},
                     {"harness/race/x_test.cc", "TEST(Race, Meets) {}\n"}}};
}

}  // namespace

std::function<std::vector<Finding>(const SourceFile&)> Never(const std::string& pattern, Look look,
                                                             Where where) {
  const std::regex regex(pattern, std::regex::multiline);
  return [=](const SourceFile& file) {
    std::vector<Finding> findings;
    if (!where(file)) return findings;
    const std::string& text = look == Look::kCode ? file.code : file.text;
    for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
      findings.push_back({LineOf(text, static_cast<size_t>(it->position())), it->str()});
    }
    return findings;
  };
}

std::vector<Rule> TextRules() {
  return {Errno(),  Sleep(),   Ioctl(),      Names(),   BoolParameters(), Todo(),   Hosts(),
          Length(), Columns(), Whitespace(), Licence(), PragmaOnce(),     Claims(), CMakeFlags()};
}

}  // namespace kct::style
