// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/build_config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

namespace kct {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBase = "base";
constexpr std::string_view kSince = "# since ";
constexpr std::string_view kOff = " is not set";

std::set<std::string> NamesIn(std::string_view list) {
  std::set<std::string> names;
  std::istringstream fields{std::string(list)};
  for (std::string name; std::getline(fields, name, ',');) {
    if (!name.empty() && name != kBase) names.insert(name);
  }
  return names;
}

// "debug, kcov, sw-protected": what there is besides base.
std::string NamesOfFragments(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".config" && path.stem() != kBase) names.insert(path.stem());
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string_view Trimmed(std::string_view text) {
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

bool IsOptionName(std::string_view text) {
  return text.starts_with("CONFIG_") && text.size() > 7 &&
         text.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") ==
             std::string_view::npos;
}

// Nothing for a comment and an empty line.
Result<std::optional<WantedOption>> ReadLine(std::string_view line) {
  WantedOption option;
  if (const size_t since = line.find(kSince); since != std::string_view::npos && since > 0) {
    KCT_TRY(option.since, KernelVersion::Parse(line.substr(since + kSince.size())));
    line = Trimmed(line.substr(0, since));
  }
  if (line.starts_with("# CONFIG_") && line.ends_with(kOff)) {
    option.name = line.substr(2, line.size() - 2 - kOff.size());
    option.value = "n";
  } else if (line.empty() || line.starts_with('#')) {
    return std::optional<WantedOption>();
  } else {
    const size_t equals = line.find('=');
    option.name = line.substr(0, equals);
    if (equals != std::string_view::npos) option.value = line.substr(equals + 1);
  }
  if (!IsOptionName(option.name) || option.value.empty()) {
    return MakeError("expected CONFIG_NAME=VALUE, '# CONFIG_NAME is not set' or a comment");
  }
  return std::optional<WantedOption>(option);
}

Result<std::vector<WantedOption>> ReadFragment(const fs::path& folder, const std::string& name) {
  const fs::path path = folder / (name + ".config");
  std::ifstream file(path);
  if (!file) {
    return MakeError("kernel config '{}': no such fragment; there are {}", name,
                     NamesOfFragments(folder));
  }
  std::vector<WantedOption> options;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    auto option = ReadLine(line);
    if (!option) {
      return MakeError("{}:{}: '{}': {}", path.string(), number, line, option.error().message);
    }
    if (!*option) continue;
    (*option)->fragment = name;
    options.push_back(**option);
  }
  return options;
}

bool IsWanted(const WantedOption& option, const KernelVersion& version) {
  return option.since <= version;
}

}  // namespace

std::string CanonicalConfigName(std::string_view names) {
  const auto sorted = NamesIn(names);
  return sorted.empty() ? std::string(kBase) : fmt::format("{}", fmt::join(sorted, ","));
}

std::string OptionIn(std::string_view config, std::string_view option) {
  const std::string start = fmt::format("{}=", option);
  for (size_t at = 0; at < config.size();) {
    const std::string_view line = config.substr(at, config.find('\n', at) - at);
    if (line.starts_with(start)) return std::string(line.substr(start.size()));
    at += line.size() + 1;
  }
  return "n";
}

Result<BuildConfig> BuildConfig::Load(const fs::path& folder, std::string_view names) {
  BuildConfig config;
  config.name_ = CanonicalConfigName(names);
  KCT_TRY(config.options_, ReadFragment(folder, std::string(kBase)));
  for (const std::string& name : NamesIn(names)) {
    KCT_TRY(const std::vector<WantedOption> options, ReadFragment(folder, name));
    for (const WantedOption& option : options) {
      const auto known =
          std::find_if(config.options_.begin(), config.options_.end(),
                       [&](const WantedOption& other) { return other.name == option.name; });
      if (known == config.options_.end()) {
        config.options_.push_back(option);
      } else if (known->fragment == kBase) {
        *known = option;
      } else if (known->value != option.value) {
        return MakeError("kernel config '{}': {} wants {}={}, but {} wants {}", config.name_,
                         option.fragment, option.name, option.value, known->fragment, known->value);
      }
    }
  }
  return config;
}

std::string BuildConfig::TextFor(const KernelVersion& version) const {
  std::string text;
  for (const WantedOption& option : options_) {
    if (!IsWanted(option, version)) continue;
    text += option.value == "n" ? fmt::format("# {}{}\n", option.name, kOff)
                                : fmt::format("{}={}\n", option.name, option.value);
  }
  return text;
}

Status BuildConfig::CheckTaken(std::string_view config, const KernelVersion& version) const {
  std::vector<std::string> refused;
  for (const WantedOption& option : options_) {
    if (!IsWanted(option, version)) continue;
    const std::string value = OptionIn(config, option.name);
    if (value == option.value) continue;
    refused.push_back(
        fmt::format("{}={} of {}.config is {}", option.name, option.value, option.fragment, value));
  }
  if (refused.empty()) return {};
  return MakeError(
      "kernel config '{}' did not take in {}: {} (renamed, or something that it needs is off)",
      name_, version.Text(), fmt::join(refused, "; "));
}

}  // namespace kct
