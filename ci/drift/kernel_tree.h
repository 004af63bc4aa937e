// SPDX-License-Identifier: GPL-2.0-only
// KernelTree: the sources of a kernel in a folder, read as they are asked for.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ci/drift/document.h"
#include "harness/base/result.h"

namespace kct {

class KernelTree {
 public:
  // An Error if the folder is none, or has no Documentation/virt/kvm/api.rst.
  static Result<KernelTree> Open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }

  // "api.rst" and "x86/intel-tdx.rst" are below Documentation/virt/kvm; of a header
  // ("include/uapi/linux/kvm.h") the comments are what it documents. nullptr: there is none.
  const Document* FindDocument(const std::string& name);

  // The file without comments, its name taken from the root or from arch/x86/kvm; nullptr: there is
  // none.
  const std::string* FindSource(const std::string& file);

  // The files of KVM, generic and x86, and the kernel's headers that define `name`.
  std::vector<std::string> FilesThatDefine(std::string_view name);

  // Every name in the headers that KVM gives to user space.
  const std::set<std::string>& UapiNames();

 private:
  explicit KernelTree(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::optional<std::string> Read(const std::filesystem::path& file) const;
  std::vector<std::string> FilesBelow(const std::string& folder) const;

  std::filesystem::path folder_;
  std::map<std::string, std::optional<Document>, std::less<>> documents_;
  std::map<std::string, std::optional<std::string>, std::less<>> sources_;
  std::set<std::string> uapi_names_;
};

}  // namespace kct
