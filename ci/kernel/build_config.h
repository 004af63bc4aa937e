// SPDX-License-Identifier: GPL-2.0-only
// BuildConfig: what a kernel of our own is built with, put together from fragments.
//
// A fragment is a file NAME.config (ci/kernel/config): a line each, as in a kernel's .config,
//
//   CONFIG_KSM=y
//   # CONFIG_JUMP_LABEL is not set
//   CONFIG_PREEMPT_LAZY=y  # since 6.13
//
// and comments. base.config is always in. What no fragment names is off. An option that is newer
// than the sources is left out.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ci/kernel/version.h"
#include "harness/base/result.h"

namespace kct {

struct WantedOption {
  std::string name;      // "CONFIG_KSM"
  std::string value;     // "y"; "n" for one that is not to be set
  std::string fragment;  // "base"
  KernelVersion since;   // 0.0: always there
};

class BuildConfig {
 public:
  // `names` are separated by commas, in any order. An Error names the fragment that is not there,
  // the line that is none, or the option that two fragments want differently (that base wants
  // something else is no conflict).
  static Result<BuildConfig> Load(const std::filesystem::path& folder, std::string_view names);

  // "debug,sw-protected": without base, sorted; "base" where there is nothing else.
  const std::string& name() const { return name_; }
  // For KCONFIG_ALLCONFIG.
  std::string TextFor(const KernelVersion& version) const;
  // An Error names the options that `config`, the text of a .config, does not have as wanted.
  Status CheckTaken(std::string_view config, const KernelVersion& version) const;

 private:
  std::string name_;
  std::vector<WantedOption> options_;
};

// The canonical form of a list of names; what BuildConfig::name() says of it.
std::string CanonicalConfigName(std::string_view names);

// The value of an option in the text of a .config; "n" if it is not set.
std::string OptionIn(std::string_view config, std::string_view option);

}  // namespace kct
