// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <regex>

#include "ci/style/rule.h"

namespace kct::style {
namespace {

struct Layer {
  std::string_view folder;
  std::vector<std::string_view> may_include;  // besides itself
};

// The first row whose folder holds a file counts. "guest" is guests/include/guest.
const std::vector<Layer>& Layers() {
  static const std::vector<Layer> layers = {
      {"harness/base", {}},
      {"harness/abi", {"harness/base"}},
      {"harness/liveness", {"harness/abi", "harness/base"}},
      {"harness/kvm", {"harness/liveness", "harness/abi", "harness/base"}},
      {"harness/guest",
       {"harness/kvm", "harness/liveness", "harness/abi", "harness/base", "guest"}},
      {"harness/race", {"harness/liveness", "harness/abi", "harness/base"}},
      {"harness/metamorphic", {"harness/guest", "harness/abi", "harness/base", "guest"}},
      {"harness/spec", {"harness/base", "kct_generated"}},
      {"harness/model", {"harness/spec", "harness/abi", "harness/base"}},
      {"harness/history", {"harness/model", "harness/spec", "harness/abi", "harness/base"}},
      {"harness/record",
       {"harness/judge", "harness/history", "harness/model", "harness/guest", "harness/kvm",
        "harness/liveness", "harness/abi", "harness/base", "guest"}},
      {"harness/judge",
       {"harness/history", "harness/model", "harness/spec", "harness/abi", "harness/base"}},
      {"harness/imitation",
       {"harness/model", "harness/spec", "harness/abi", "harness/base", "guest"}},
      {"harness", {"harness", "guest", "kct_generated"}},  // testing, bench
      {"guests", {"guest"}},
      {"tests/prefault", {"harness", "guest"}},
      {"tests/memslot", {"harness", "guest"}},
      {"tests/metamorphic", {"harness", "guest"}},
      {"tests/notifier", {"harness", "guest"}},
      {"tests", {"harness", "guest"}},
      {"ci/kernel", {"harness/base", "harness/spec"}},
      {"ci/vm", {"harness/base", "harness/spec", "ci/kernel"}},
      {"ci/spec", {"harness/base", "harness/spec", "harness/model", "ci/kernel"}},
      {"ci/style", {"harness/base", "harness/spec", "ci/kernel"}},
      {"ci",
       {"harness/base", "harness/spec", "harness/history", "harness/judge", "ci", "kct_generated"}},
  };
  return layers;
}

bool IsBelow(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.substr(folder.size()).starts_with('/');
}

struct Include {
  std::string path;
  int line;
};

std::vector<Include> IncludesOf(const SourceFile& file, const char* pattern) {
  const std::regex include(pattern, std::regex::multiline);
  std::vector<Include> includes;
  for (std::sregex_iterator it(file.text.begin(), file.text.end(), include), end; it != end; ++it) {
    includes.push_back({(*it)[1], LineOf(file.text, static_cast<size_t>(it->position(1)))});
  }
  return includes;
}

std::vector<Finding> CheckLayers(const SourceFile& file) {
  std::vector<Finding> findings;
  if (!file.IsCpp() && !file.EndsWith(".S")) return findings;
  const auto layer = std::find_if(Layers().begin(), Layers().end(),
                                  [&](const Layer& row) { return file.IsIn(row.folder); });
  if (layer == Layers().end()) return {{0, "a folder that the table of layers does not know"}};
  for (const Include& include : IncludesOf(file, R"re(^\s*#\s*include "([^"]+)")re")) {
    const bool allowed =
        IsBelow(include.path, layer->folder) ||
        std::any_of(layer->may_include.begin(), layer->may_include.end(),
                    [&](std::string_view folder) { return IsBelow(include.path, folder); });
    if (!allowed) findings.push_back({include.line, "includes " + include.path});
  }
  return findings;
}

std::vector<Finding> CheckKvmHeader(const SourceFile& file) {
  std::vector<Finding> findings;
  if (file.path == "harness/abi/uapi.h") return findings;
  for (const Include& include : IncludesOf(file, R"re(^\s*#\s*include\s*[<"]([^>"]+))re")) {
    if (include.path == "linux/kvm.h" || include.path == "asm/kvm.h") {
      findings.push_back({include.line, "includes <" + include.path + ">"});
    }
  }
  return findings;
}

std::vector<Finding> CheckGoogleTest(const SourceFile& file) {
  std::vector<Finding> findings;
  const bool may =
      !file.IsIn("harness") || file.IsIn("harness/testing") || file.EndsWith("_test.cc");
  if (may) return findings;
  for (const Include& include :
       IncludesOf(file, R"re(^\s*#\s*include\s*[<"](g(test|mock)/[^>"]+))re")) {
    findings.push_back({include.line, "includes " + include.path});
  }
  return findings;
}

}  // namespace

std::vector<Rule> IncludeRules() {
  return {
      {.name = "layers",
       .message = "a folder includes only what lies below it (docs/style.md, dependency direction; "
                  "the table is in ci/style/include_rules.cc)",
       .check = CheckLayers,
       .trips = {{"harness/base/x.h", "#include \"harness/abi/call.h\"\n"},
                 {"harness/race/x.cc", "#include \"harness/kvm/vm.h\"\n"},
                 {"harness/kvm/x.cc", "#include \"harness/testing/matchers.h\"\n"},
                 {"tests/prefault/x.cc", "#include \"tests/memslot/region.h\"\n"},
                 {"ci/vm/x.cc", "#include \"harness/kvm/vm.h\"\n"},
                 {"guests/payloads/x.cc", "#include \"harness/base/units.h\"\n"},
                 {"elsewhere/x.cc", "int x;\n"}},
       .passes = {{"harness/kvm/vm.cc", "#include \"harness/liveness/watchdog.h\"\n"},
                  {"harness/testing/x.h", "#include \"harness/race/race.h\"\n"},
                  {"tests/memslot/x.cc", "#include \"tests/memslot/region.h\"\n"},
                  {"harness/guest/x.cc", "#include \"guest/abi.h\"\n#include <vector>\n"},
                  {"docs/x.md", "#include \"anything.h\"\n"}}},
      {.name = "kvm-header",
       .message = "only harness/abi/uapi.h includes the kernel's KVM headers",
       .check = CheckKvmHeader,
       .trips = {{"tests/prefault/x.cc", "#include <linux/kvm.h>\n"},
                 {"harness/kvm/x.h", "# include <asm/kvm.h>\n"}},
       .passes = {{"harness/abi/uapi.h", "#include <linux/kvm.h>\n"},
                  {"harness/kvm/x.h", "// <linux/kvm.h>\n#include <linux/userfaultfd.h>\n"}}},
      {.name = "gtest",
       .message = "in harness, GoogleTest belongs to testing and to unit tests",
       .check = CheckGoogleTest,
       .trips = {{"harness/kvm/vm.h", "#include <gtest/gtest.h>\n"},
                 {"harness/race/race.cc", "#include \"gmock/gmock.h\"\n"}},
       .passes = {{"harness/race/race_test.cc", "#include <gtest/gtest.h>\n"},
                  {"harness/testing/matchers.h", "#include <gmock/gmock.h>\n"},
                  {"tests/memslot/x.cc", "#include <gmock/gmock.h>\n"}}},
  };
}

}  // namespace kct::style
