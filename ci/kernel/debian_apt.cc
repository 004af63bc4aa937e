// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/debian_apt.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "ci/kernel/module.h"

namespace kct {
namespace {

namespace fs = std::filesystem;

constexpr char kKeyring[] = "/usr/share/keyrings/debian-archive-keyring.gpg";

constexpr const char* kMainSuites[] = {
    "bookworm", "bookworm-backports", "trixie", "trixie-backports", "forky", "sid", "experimental"};
constexpr const char* kSecuritySuites[] = {"bookworm-security", "trixie-security"};

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> Split(const std::string& line, char separator) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, separator);) fields.push_back(field);
  return fields;
}

Status WriteText(const fs::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) return MakeError("can't write {}", path.string());
  return {};
}

// What the host says about reaching its archives: proxies, time-outs. Which index files to fetch
// is our own business.
std::string AcquireSettings(const std::string& dump) {
  std::string settings;
  for (const std::string& line : Lines(dump)) {
    const bool ours = line.starts_with("Acquire::IndexTargets") ||
                      line.starts_with("Acquire::Languages") ||
                      line.starts_with("Acquire::GzipIndexes");
    if (line.starts_with("Acquire::") && !ours) settings += line + "\n";
  }
  return settings;
}

// apt's own words about a suite: the first line that names it.
std::string ReasonFor(const std::string& suite, const CommandOutput& output) {
  for (const std::string& line : Lines(output.err)) {
    const bool names_it = line.find(" " + suite + " ") != std::string::npos ||
                          line.find("/" + suite + "/") != std::string::npos;
    if (names_it && line.size() > 3) return line.substr(3);
  }
  return "apt fetched no index of it";
}

// What kept apt from fetching something that the archive has; empty: nothing did. A suite that is
// not there, or not signed by a key we know, will be no better next time and does not count.
std::string Breakage(const CommandOutput& update) {
  for (const std::string& line : Lines(update.err)) {
    const bool failed = line.find("Failed to fetch") != std::string::npos;
    if (failed && line.find("signature") == std::string::npos) return line.substr(3);
  }
  return "";
}

}  // namespace

DebianApt::DebianApt(fs::path directory, CommandRunner run)
    : directory_(std::move(directory)), run_(std::move(run)) {}

Result<std::vector<DebianApt::Source>> DebianApt::FindSources(const Progress& progress) {
  auto targets = run_({.argv = {"apt-get", "indextargets", "--format",
                                "$(LABEL)|$(COMPONENT)|$(REPO_URI)", "Created-By: Packages"}});
  if (!targets || !targets.value().ok()) {
    return MakeError("no Debian kernels here: {}; name a kernel of your own by its files",
                     targets ? targets.value().Complaint() : targets.error().message);
  }
  std::string main_archive;
  std::string security_archive;
  for (const std::string& line : Lines(targets.value().out)) {
    const auto fields = Split(line, '|');
    if (fields.size() != 3 || fields[1] != "main" || !fields[2].starts_with("http")) continue;
    if (fields[0] == "Debian" && main_archive.empty()) main_archive = fields[2];
    if (fields[0] == "Debian-Security" && security_archive.empty()) security_archive = fields[2];
  }
  if (main_archive.empty()) {
    return MakeError(
        "no Debian kernels here: apt knows no Debian archive; expected one in its "
        "sources, and apt-get update run once");
  }
  std::vector<Source> sources;
  for (const char* suite : kMainSuites) sources.push_back({suite, main_archive});
  if (security_archive.empty()) progress("security suites skipped: apt's sources name none");
  for (const char* suite : kSecuritySuites) {
    if (!security_archive.empty()) sources.push_back({suite, security_archive});
  }
  return sources;
}

Status DebianApt::WriteConfiguration(const std::vector<Source>& sources) {
  fs::create_directories(directory_ / "state/lists/partial");
  fs::create_directories(directory_ / "cache/archives/partial");
  std::string list;
  for (const Source& source : sources) {
    list += fmt::format("deb [arch=amd64 signed-by={}] {} {} main\n", kKeyring, source.address,
                        source.suite);
  }
  KCT_TRY(const CommandOutput host, run_({.argv = {"apt-config", "dump"}}));
  const std::string d = directory_.string();
  const std::string configuration =
      AcquireSettings(host.out) +
      fmt::format(
          "Dir::State \"{}/state\";\nDir::State::status \"{}/status\";\n"
          "Dir::Cache \"{}/cache\";\nDir::Etc::sourcelist \"{}/sources.list\";\n",
          d, d, d, d) +
      // The rest of the host's configuration stays out: hooks, pinning, other sources.
      "Dir::Etc::sourceparts \"/dev/null\";\nDir::Etc::preferences \"/dev/null\";\n"
      "Dir::Etc::preferencesparts \"/dev/null\";\nDir::Etc::main \"/dev/null\";\n"
      "Dir::Etc::parts \"/dev/null\";\nAcquire::Languages \"none\";\n"
      "Acquire::GzipIndexes \"true\";\n"
      // apt's binary caches are larger than the indexes and save a second at most.
      "Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\n";
  KCT_TRY_STATUS(WriteText(directory_ / "status", ""));
  KCT_TRY_STATUS(WriteText(directory_ / "sources.list", list));
  return WriteText(ConfigurationFile(), configuration);
}

Result<CommandOutput> DebianApt::Apt(std::vector<std::string> arguments,
                                     const fs::path& directory) {
  arguments.insert(arguments.begin(), {"apt-get", "-q"});
  return run_({.argv = std::move(arguments),
               .environment = {"APT_CONFIG=" + ConfigurationFile().string()},
               .directory = directory});
}

Result<std::vector<KernelPackage>> DebianApt::Update(const Progress& progress) {
  KCT_TRY(const std::vector<Source> sources, FindSources(progress));
  KCT_TRY_STATUS(WriteConfiguration(sources));
  progress("fetching the package indexes of Debian (about 45 MB)");
  // apt's usual three retries would make every start without a network ten seconds late.
  KCT_TRY(const CommandOutput update, Apt({"update", "-o", "Acquire::Retries=1"}));
  if (const std::string breakage = Breakage(update); !breakage.empty()) {
    return MakeError("the Debian archive can't be read: {}", breakage);
  }
  KCT_TRY(const CommandOutput targets,
          Apt({"indextargets", "--format", "$(RELEASE)|$(FILENAME)", "Created-By: Packages"}));
  std::vector<IndexEntry> entries;
  for (const Source& source : sources) {
    std::string file;
    for (const std::string& line : Lines(targets.out)) {
      if (line.starts_with(source.suite + "|")) file = line.substr(source.suite.size() + 1);
    }
    if (file.empty() || !fs::exists(file)) {
      progress(fmt::format("suite {} skipped: {}", source.suite, ReasonFor(source.suite, update)));
      continue;
    }
    KCT_TRY(const std::string text, ReadDecompressed(file));
    const auto more = ParsePackages(text, source.suite);
    entries.insert(entries.end(), more.begin(), more.end());
  }
  auto kernels = AssembleKernels(entries);
  if (kernels.empty()) {
    return MakeError("no suite of Debian could be used: {} (keys: {}, of debian-archive-keyring)",
                     ReasonFor(sources.front().suite, update), kKeyring);
  }
  return kernels;
}

Status DebianApt::Download(const KernelPackage& kernel, const fs::path& into) {
  return Download("kernel " + kernel.Spec(), kernel.packages, kernel.version, into);
}

Status DebianApt::Download(const std::string& what, const std::vector<std::string>& packages,
                           const std::string& version, const fs::path& into) {
  std::vector<std::string> arguments = {"download"};
  for (const std::string& package : packages) arguments.push_back(package + "=" + version);
  KCT_TRY(const CommandOutput output, Apt(std::move(arguments), into));
  if (output.ok()) return {};
  return MakeError("{}: download failed: {}", what, output.Complaint());
}

}  // namespace kct
