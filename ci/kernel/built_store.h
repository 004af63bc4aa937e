// SPDX-License-Identifier: GPL-2.0-only
// BuiltStore: kernels that kct built, by what they were built from.
//
//   built:sw-protected               the newest with this configuration
//   built:debug,sw-protected         the same for two fragments, in any order
//   built:sw-protected@3fa9c2d1ab    exactly this one
//   built:latest                     the newest of all
//
// A kernel is CACHE/built/NAME@ID/{vmlinuz,config,System.map,modules/RELEASE,built.json}. The id is
// a hash of all that decides what comes out: sources, configuration, compiler. So the same again is
// the same kernel, and nothing is built.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ci/kernel/kernel.h"
#include "harness/base/result.h"

namespace kct {

struct BuiltSpec {
  std::string config;  // canonical; "latest"
  std::string id;      // empty: the newest

  static Result<BuiltSpec> Parse(std::string_view text);
  std::string Text() const;
};

struct BuiltKernel {
  std::string config;     // "debug,sw-protected"
  std::string id;         // "3fa9c2d1ab"
  std::string release;    // "7.3.4-debug-sw-protected"
  std::string source;     // SourceTree::name
  std::string compiler;   // the first line of its --version
  uint64_t built_at = 0;  // seconds since 1970
  uint64_t steps = 0;     // how many files the build made, for the progress of the next one

  std::string Spec() const { return BuiltSpec{config, id}.Text(); }
};

// From all that decides what comes out of a build.
std::string BuildId(std::string_view source, std::string_view config, std::string_view compiler);

class BuiltStore {
 public:
  explicit BuiltStore(std::filesystem::path cache) : folder_(std::move(cache) / "built") {}

  // Newest first. What is no whole kernel is left out.
  std::vector<BuiltKernel> List() const;
  // An Error says what there is.
  Result<Kernel> Get(std::string_view spec) const;
  // Moves the folder of a kernel, without built.json, to its place.
  Result<Kernel> Add(const std::filesystem::path& fresh, const BuiltKernel& built) const;

 private:
  std::filesystem::path PlaceOf(const BuiltKernel& built) const {
    return folder_ / (built.config + "@" + built.id);
  }
  Result<Kernel> Load(const BuiltKernel& built) const;

  const std::filesystem::path folder_;
};

}  // namespace kct
