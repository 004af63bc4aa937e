// SPDX-License-Identifier: GPL-2.0-only
#include "ci/style/source_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace kct::style {
namespace {

namespace fs = std::filesystem;

bool IsSkippedFolder(const std::string& name) {
  return name == ".git" || name == "build" || name.starts_with("build-") || name == "report" ||
         name == "kct-runs";
}

// Where the literal or comment that starts at `at` ends; `at` itself if none starts there.
size_t EndOfBlank(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  const auto behind = [&](std::string_view mark, size_t from) {
    const size_t found = text.find(mark, from);
    return found == std::string_view::npos ? text.size() : found + mark.size();
  };
  if (rest.starts_with("//")) return std::min(text.find('\n', at), text.size());
  if (rest.starts_with("/*")) return behind("*/", at + 2);
  if (rest.starts_with("R\"")) {
    const size_t open = std::min(text.find('(', at), text.size() - 1);
    return behind(")" + std::string(text.substr(at + 2, open - at - 2)) + "\"", open);
  }
  // A quote between digits separates them: 1'000.
  const bool separator = at > 0 && std::isxdigit(static_cast<unsigned char>(text[at - 1])) != 0;
  if (rest[0] != '"' && (rest[0] != '\'' || separator)) return at;
  size_t end = at + 1;
  while (end < text.size() && text[end] != rest[0] && text[end] != '\n') {
    end += text[end] == '\\' ? 2 : 1;
  }
  return std::min(end + 1, text.size());
}

}  // namespace

std::string_view SourceFile::Name() const {
  return std::string_view(path).substr(path.rfind('/') + 1);
}

bool SourceFile::IsIn(std::string_view folder) const {
  return path.starts_with(folder) && path.substr(folder.size()).starts_with('/');
}

bool SourceFile::IsProgramText() const {
  return IsCpp() || EndsWith(".S") || EndsWith(".ld") || EndsWith(".cmake") || EndsWith(".py") ||
         EndsWith(".sh") || Name() == "CMakeLists.txt" || text.starts_with("#!");
}

std::string BlankCommentsAndLiterals(std::string_view text) {
  std::string code(text);
  for (size_t at = 0; at < text.size();) {
    const size_t end = EndOfBlank(text, at);
    std::replace_if(
        code.begin() + static_cast<std::ptrdiff_t>(at),
        code.begin() + static_cast<std::ptrdiff_t>(end), [](char c) { return c != '\n'; }, ' ');
    at = std::max(end, at + 1);
  }
  return code;
}

SourceFile MakeSourceFile(std::string path, std::string text) {
  SourceFile file{std::move(path), std::move(text), {}};
  if (file.IsCpp() || file.EndsWith(".S")) file.code = BlankCommentsAndLiterals(file.text);
  return file;
}

std::vector<SourceFile> ReadSourceTree(const fs::path& root) {
  std::vector<SourceFile> files;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::end(it); ++it) {
    if (it->is_directory() && IsSkippedFolder(it->path().filename().string())) {
      it.disable_recursion_pending();
    }
    if (!it->is_regular_file()) continue;
    std::ifstream stream(it->path(), std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (text.find('\0') != std::string::npos) continue;  // an image
    files.push_back(MakeSourceFile(it->path().lexically_relative(root).generic_string(), text));
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

int LineOf(std::string_view text, size_t position) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(position, text.size()));
  return 1 + static_cast<int>(std::count(text.begin(), end, '\n'));
}

}  // namespace kct::style
