// SPDX-License-Identifier: GPL-2.0-only
// The kernels in Debian's package indexes, and the choice of one by a spec.
//
//   debian:latest              the newest that is no release candidate
//   debian:7.3                 the newest of a series; its candidates if there is nothing else
//   debian:6.12.117            the newest build of one upstream version
//   debian:7.3.4-1~bpo13+1     exactly this package
//   debian:7.3/amd64           the kernel for all machines, not the one for clouds (/cloud)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/base/units.h"

namespace kct {

// One stanza of an index, as far as it matters for kernels.
struct IndexEntry {
  std::string suite;
  std::string package;
  std::string version;
  std::string depends;
  Bytes download;
  Bytes installed;
};

// A kernel that the archive offers, or that it once offered and the cache still has.
struct KernelPackage {
  std::string version;                // "7.3.4-1~bpo13+1"
  std::string release;                // "7.3.4+deb13-cloud-amd64"
  std::string suite;                  // "trixie-backports"; empty: only in the cache
  std::string flavour;                // "cloud" or "amd64"
  std::vector<std::string> packages;  // all that make it up
  std::string missing;                // a package of it that the archive lacks; empty: complete
  uint64_t download_bytes = 0;
  uint64_t installed_bytes = 0;
  bool cached = false;

  // The spec that names exactly this one.
  std::string Spec() const;
};

struct KernelSpec {
  std::string version;  // "latest", or as written, with ~rc for -rc
  std::string flavour;

  static Result<KernelSpec> Parse(std::string_view text);
  std::string Text() const;
  bool Matches(const KernelPackage& kernel) const;
};

// The entries for kernel packages in the text of a Packages file.
std::vector<IndexEntry> ParsePackages(std::string_view text, std::string_view suite);

// The kernels that the entries of all suites make up, newest first. A kernel may be one package
// or split into several; of signed and unsigned builds the signed one is taken. A kernel of which
// something is missing is listed, with `missing` set.
std::vector<KernelPackage> AssembleKernels(const std::vector<IndexEntry>& entries);

// Newest first.
void SortKernels(std::vector<KernelPackage>& kernels);

// The newest complete kernel that matches. The Error says which series there are.
Result<KernelPackage> ChooseKernel(const KernelSpec& spec,
                                   const std::vector<KernelPackage>& kernels);

// Of each series and flavour the newest complete kernel, and all cached ones.
std::vector<KernelPackage> NewestOfEachSeries(const std::vector<KernelPackage>& kernels);

}  // namespace kct
