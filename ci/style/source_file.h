// SPDX-License-Identifier: GPL-2.0-only
// The files that the style rules look at.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kct::style {

struct SourceFile {
  std::string path;  // from the top of the repository, with slashes: "harness/base/result.h"
  std::string text;
  std::string code;  // of C++ and assembly: the text with comments and literals blanked out

  std::string_view Name() const;  // "result.h"
  bool EndsWith(std::string_view ending) const { return path.ends_with(ending); }
  // In `folder` or below it.
  bool IsIn(std::string_view folder) const;
  bool IsCpp() const { return EndsWith(".h") || EndsWith(".cc"); }
  bool IsProgramText() const;  // all but prose and data
};

SourceFile MakeSourceFile(std::string path, std::string text);

// All text files below `root`, without build folders, reports and git's own files.
std::vector<SourceFile> ReadSourceTree(const std::filesystem::path& root);

// C++ with every comment and every string and character literal turned into spaces; line breaks,
// and so line numbers, stay. The names in #include "…" are literals too.
std::string BlankCommentsAndLiterals(std::string_view text);

// From 1 on.
int LineOf(std::string_view text, size_t position);

}  // namespace kct::style
