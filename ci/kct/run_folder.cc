// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/run_folder.h"

#include <algorithm>
#include <ctime>

#include "ci/vm/files.h"

namespace kct {
namespace {

// A VM's memory lies in RAM; on disk it is the initramfs and logs.
constexpr Bytes kNeeded = 256_MiB;

std::string FileName(std::string text) {
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

// "20261231-235959", in local time.
std::string Now() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", std::localtime(&now));
  return text;
}

}  // namespace

Status RunFolder::CheckName(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_directory(path, error)) {
    return MakeError("--out: {} is a file, not a folder", path.string());
  }
  if (std::filesystem::exists(path / "run.json", error)) {
    return MakeError("--out: {} holds another run (run.json)", path.string());
  }
  return {};
}

Result<RunFolder> RunFolder::Named(const std::filesystem::path& path) {
  KCT_TRY_STATUS(MakeFolder(path));
  KCT_TRY_STATUS(CheckFreeSpace(path, kNeeded));
  return RunFolder(std::filesystem::absolute(path));
}

Result<RunFolder> RunFolder::Dated(std::string_view kernel_release) {
  const std::filesystem::path parent = std::filesystem::current_path() / "kct-runs";
  const std::string name = fmt::format("{}-{}", Now(), FileName(std::string(kernel_release)));
  std::filesystem::path path = parent / name;
  std::error_code error;
  // Two runs that start in the same second.
  for (int twin = 2; std::filesystem::exists(path, error); ++twin) {
    path = parent / fmt::format("{}-{}", name, twin);
  }
  KCT_TRY_STATUS(MakeFolder(path));
  KCT_TRY_STATUS(CheckFreeSpace(path, kNeeded));
  const std::filesystem::path link = parent / "latest";
  std::filesystem::remove(link, error);
  std::filesystem::create_directory_symlink(path.filename(), link, error);
  return RunFolder(path);
}

std::filesystem::path RunFolder::NextMachine(Mode mode, Emulation emulation) {
  const char* suffix = emulation == Emulation::kSingle ? "-single" : "";
  return path_ / fmt::format("vm-{}-{}{}", ++*machines_, Name(mode), suffix);
}

std::filesystem::path RunFolder::OfTest(const Assignment& assignment) const {
  std::string name = FileName(assignment.test.name);
  if (assignment.mode != Mode::kNpt) name += fmt::format(".{}", Name(assignment.mode));
  if (assignment.repeat != 0) name += fmt::format(".{}", assignment.repeat + 1);
  return path_ / "tests" / name;
}

Status RunFolder::WriteReport(const RunReport& report) const {
  KCT_TRY_STATUS(WriteFile(path_ / "run.json", JsonReport(report)));
  return WriteFile(path_ / "report.txt", TextReport(report, Colors::kOff));
}

Status RunFolder::WriteTest(const TestResult& result) const {
  const std::filesystem::path folder = OfTest(result.assignment);
  KCT_TRY_STATUS(MakeFolder(folder));
  const auto write = [&](const char* name, const std::string& content) -> Status {
    if (content.empty()) return {};
    return WriteFile(folder / name, content);
  };
  KCT_TRY_STATUS(write("events.jsonl", result.events));
  KCT_TRY_STATUS(write("output.txt", result.output));
  KCT_TRY_STATUS(write("history.txt", result.history));
  KCT_TRY_STATUS(
      write("judgement.txt", fmt::format("{}", fmt::join(result.histories.contradictions, "\n"))));
  return write("kernel.log", result.kernel_log);
}

}  // namespace kct
