// SPDX-License-Identifier: GPL-2.0-only
#include "ci/drift/kernel_tree.h"

#include <algorithm>
#include <regex>

#include "ci/drift/c_source.h"
#include "ci/spec/files.h"

namespace kct {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDocuments = "Documentation/virt/kvm";
constexpr std::string_view kX86 = "arch/x86/kvm";

void AddNames(std::string_view code, std::set<std::string>& names) {
  std::string name;
  for (char c : code) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
      name += c;
    } else if (!name.empty()) {
      names.insert(std::exchange(name, {}));
    }
  }
}

// mmu/paging_tmpl.h is compiled several times and has its functions' names in a macro.
std::string WithoutFname(const std::string& code) {
  static const std::regex fname(R"(\bFNAME\((\w+)\))");
  return std::regex_replace(code, fname, "$1");
}

}  // namespace

Result<KernelTree> KernelTree::Open(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return MakeError("{}: no such folder; expected the sources of a kernel", folder.string());
  }
  const fs::path api = fs::path(kDocuments) / "api.rst";
  if (!fs::is_regular_file(folder / api, error)) {
    return MakeError("{}: has no {}; expected the sources of a kernel", folder.string(),
                     api.string());
  }
  return KernelTree(folder);
}

std::optional<std::string> KernelTree::Read(const fs::path& file) const {
  std::error_code error;
  if (!fs::is_regular_file(folder_ / file, error)) return std::nullopt;
  Result<std::string> text = ReadFile(folder_ / file);
  if (!text) return std::nullopt;
  return std::move(text).value();
}

const Document* KernelTree::FindDocument(const std::string& name) {
  auto known = documents_.find(name);
  if (known == documents_.end()) {
    const bool header = name.ends_with(".h");
    const std::optional<std::string> text =
        Read(header ? fs::path(name) : fs::path(kDocuments) / name);
    std::optional<Document> document;
    if (text) document = header ? ParseComments(*text) : ParseRst(*text);
    known = documents_.emplace(name, std::move(document)).first;
  }
  return known->second ? &*known->second : nullptr;
}

const std::string* KernelTree::FindSource(const std::string& file) {
  auto known = sources_.find(file);
  if (known == sources_.end()) {
    std::optional<std::string> text = Read(file);
    if (!text) text = Read(fs::path(kX86) / file);
    if (text) text = WithoutFname(BlankComments(*text));
    known = sources_.emplace(file, std::move(text)).first;
  }
  return known->second ? &*known->second : nullptr;
}

std::vector<std::string> KernelTree::FilesBelow(const std::string& folder) const {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder_ / folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string extension = it->path().extension();
    if (extension != ".c" && extension != ".h") continue;
    files.push_back(fs::relative(it->path(), folder_));
  }
  std::ranges::sort(files);
  return files;
}

std::vector<std::string> KernelTree::FilesThatDefine(std::string_view name) {
  std::vector<std::string> found;
  for (const char* folder : {"virt/kvm", "arch/x86/kvm", "arch/x86/include", "include/linux"}) {
    for (const std::string& file : FilesBelow(folder)) {
      const std::string* source = FindSource(file);
      if (source != nullptr && Defines(*source, name)) found.push_back(file);
    }
  }
  return found;
}

const std::set<std::string>& KernelTree::UapiNames() {
  if (!uapi_names_.empty()) return uapi_names_;
  static const std::regex of_kvm(
      "(include|arch/[a-z0-9]+/include)/uapi/(linux|asm)/kvm[a-z_]*\\.h");
  for (const char* folder : {"include/uapi/linux", "arch"}) {
    for (const std::string& file : FilesBelow(folder)) {
      if (!std::regex_match(file, of_kvm)) continue;
      if (const std::string* source = FindSource(file)) AddNames(*source + "\n", uapi_names_);
    }
  }
  return uapi_names_;
}

}  // namespace kct
