// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/source_tree.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "harness/base/sha256.h"

namespace kct {
namespace {

namespace fs = std::filesystem;

// The value of "NAME = VALUE" at the head of the top Makefile.
std::string MakeVariable(const std::string& makefile, const std::string& name) {
  std::istringstream lines(makefile);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + " =")) continue;
    const size_t value = line.find_first_not_of(' ', name.size() + 2);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

Result<KernelVersion> VersionIn(const fs::path& tree) {
  std::ifstream file(tree / "Makefile");
  const std::string makefile{std::istreambuf_iterator<char>(file), {}};
  const auto version = KernelVersion::Parse(fmt::format(
      "{}.{}.{}{}", MakeVariable(makefile, "VERSION"), MakeVariable(makefile, "PATCHLEVEL"),
      MakeVariable(makefile, "SUBLEVEL"), MakeVariable(makefile, "EXTRAVERSION")));
  if (!version || !fs::exists(tree / "arch/x86/kvm") || !fs::exists(tree / "Kconfig")) {
    return MakeError("kernel source {}: no kernel there; expected the top of its tree",
                     tree.string());
  }
  return version;
}

Result<std::string> Git(const fs::path& tree, std::vector<std::string> arguments,
                        const CommandRunner& run) {
  std::vector<std::string> argv{"git", "-C", tree.string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  KCT_TRY(CommandOutput output, run({.argv = argv}));
  if (output.ok()) return std::move(output.out);
  return MakeError("kernel source {}: git {}: {}", tree.string(), arguments.front(),
                   output.Complaint());
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// Also false where there is no git, or git does not trust the folder.
bool IsTopOfRepository(const fs::path& tree, const CommandRunner& run) {
  const auto top = Git(tree, {"rev-parse", "--show-toplevel"}, run);
  std::error_code code;
  return top && fs::equivalent(FirstLine(top.value()), tree, code);
}

// Of files that git does not know yet: name and content.
Result<std::string> UntrackedFiles(const fs::path& tree, const CommandRunner& run) {
  KCT_TRY(const std::string list,
          Git(tree, {"ls-files", "--others", "--exclude-standard", "-z"}, run));
  std::istringstream names(list);
  std::string all;
  for (std::string name; std::getline(names, name, '\0');) {
    std::ifstream file(tree / name);
    all += name + '\0' + std::string{std::istreambuf_iterator<char>(file), {}} + '\0';
  }
  return all;
}

Status IdentifyByGit(SourceTree& tree, const CommandRunner& run) {
  KCT_TRY(const std::string head, Git(tree.path, {"rev-parse", "HEAD"}, run));
  KCT_TRY(const std::string diff, Git(tree.path, {"diff", "HEAD", "--binary", "--no-color"}, run));
  KCT_TRY(const std::string untracked, UntrackedFiles(tree.path, run));
  const std::string commit = FirstLine(head);
  const std::string changes = diff + untracked;
  tree.identity = "git " + commit + (changes.empty() ? "" : " " + Sha256(changes));
  tree.name = fmt::format("{}, {}{}", tree.path.string(), commit.substr(0, 12),
                          changes.empty() ? "" : " with changes");
  return {};
}

void IdentifyByFiles(SourceTree& tree) {
  std::vector<std::string> files;
  for (auto it = fs::recursive_directory_iterator(tree.path);
       it != fs::recursive_directory_iterator(); ++it) {
    if (it->path().filename() == ".git") it.disable_recursion_pending();
    if (!it->is_regular_file() || it->is_symlink()) continue;
    files.push_back(fmt::format("{} {} {}", it->path().lexically_relative(tree.path).string(),
                                it->file_size(), it->last_write_time().time_since_epoch().count()));
  }
  std::sort(files.begin(), files.end());
  std::string all;
  for (const std::string& file : files) all += file + '\n';
  tree.identity = "files " + Sha256(all);
  tree.name = tree.path.string();
}

}  // namespace

Result<SourceTree> CheckSourceTree(const fs::path& path) {
  std::error_code code;
  if (!fs::is_directory(path, code)) {
    return MakeError("kernel source {}: no such folder; expected one, or debian:7.3",
                     path.string());
  }
  SourceTree tree{.path = fs::canonical(path), .version = {}, .name = {}, .identity = {}};
  KCT_TRY(tree.version, VersionIn(tree.path));
  for (const char* trace : {".config", "include/config", "arch/x86/include/generated"}) {
    if (!fs::exists(tree.path / trace)) continue;
    return MakeError(
        "kernel source {}: it was built in place ({}); make mrproper there, or name a git worktree",
        tree.path.string(), trace);
  }
  return tree;
}

Result<SourceTree> ReadSourceTree(const fs::path& path, const CommandRunner& run) {
  KCT_TRY(SourceTree tree, CheckSourceTree(path));
  if (IsTopOfRepository(tree.path, run)) {
    KCT_TRY_STATUS(IdentifyByGit(tree, run));
  } else {
    IdentifyByFiles(tree);
  }
  return tree;
}

}  // namespace kct
