// SPDX-License-Identifier: GPL-2.0-only
// A style rule: what it looks for, what it says, and the proof that it can tell right from wrong.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ci/style/source_file.h"

namespace kct::style {

struct Finding {
  int line;            // 0: the file as a whole
  std::string detail;  // what was found there
};

// A small file that stands for many.
struct Example {
  std::string path;
  std::string text;
};

struct Rule {
  std::string name;
  std::string message;  // what is expected
  std::function<std::vector<Finding>(const SourceFile&)> check;
  std::vector<Example> trips;   // each must be found
  std::vector<Example> passes;  // none may be found
};

// Every match of a regular expression in the files that `where` picks is a finding. kCode leaves
// comments and literals out.
enum class Look { kCode, kText };
using Where = std::function<bool(const SourceFile&)>;
std::function<std::vector<Finding>(const SourceFile&)> Never(const std::string& pattern, Look look,
                                                             Where where);

// The rules of docs and code that need no more than a file to be judged.
std::vector<Rule> TextRules();
// Who may include whom.
std::vector<Rule> IncludeRules();

}  // namespace kct::style
