// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/judge_command.h"

#include <algorithm>

#include "ci/kct/run_command.h"
#include "ci/vm/files.h"
#include "harness/history/text.h"
#include "harness/judge/explain.h"
#include "harness/judge/picture.h"

namespace kct {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHistoryName = "history.txt";

struct HistoryFile {
  fs::path path;
  std::vector<Recording> recordings;
};

// The histories that a path of the user stands for.
Result<std::vector<fs::path>> HistoriesIn(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return MakeError("{}: no such file or folder", path.string());
  if (!fs::is_directory(path, error)) return std::vector<fs::path>{path};
  std::vector<fs::path> histories;
  const auto add = [&](const fs::path& folder) {
    if (fs::exists(folder / kHistoryName, error)) histories.push_back(folder / kHistoryName);
  };
  add(path);
  for (const auto& test : fs::directory_iterator(path / "tests", error)) add(test.path());
  if (histories.empty()) {
    return MakeError("{}: has neither {} nor tests/*/{}", path.string(), kHistoryName,
                     kHistoryName);
  }
  std::sort(histories.begin(), histories.end());
  return histories;
}

Result<std::vector<HistoryFile>> Read(const std::vector<fs::path>& paths) {
  std::vector<HistoryFile> files;
  for (const fs::path& path : paths) {
    KCT_TRY(const std::vector<fs::path> histories, HistoriesIn(path));
    for (const fs::path& history : histories) {
      KCT_TRY(const std::string text, ReadFile(history));
      KCT_TRY(std::vector<Recording> recordings, ParseHistory(text, history.string()));
      files.push_back({history, std::move(recordings)});
    }
  }
  return files;
}

Exit ListBugs() {
  for (const model::PlantedBug& bug : model::AllPlantedBugs()) {
    fmt::print("{:<44} {:<13} {}\n", bug.name, bug.clause.text(), bug.description);
  }
  return Exit::kNothingNew;
}

class Court {
 public:
  explicit Court(const JudgeOptions& options) : options_(options) {}

  Exit Judge(std::vector<HistoryFile> files, const model::Planted& planted) {
    for (HistoryFile& file : files) {
      for (std::size_t vm = 0; vm < file.recordings.size(); ++vm) {
        file.recordings[vm].rules.planted = planted;
        JudgeOne(file, vm);
      }
    }
    fmt::print("{} histories of VMs: {} explained, {} contradicted, {} given up\n",
               explained_ + contradicted_ + gave_up_, explained_, contradicted_, gave_up_);
    if (no_picture_) return Exit::kMachine;
    if (contradicted_ > 0) return Exit::kFindings;
    return gave_up_ > 0 ? Exit::kInconclusive : Exit::kNothingNew;
  }

 private:
  void JudgeOne(const HistoryFile& file, std::size_t vm) {
    const Recording& recording = file.recordings[vm];
    const Judgement judgement = kct::Judge(recording, {});
    const std::string which = file.recordings.size() == 1
                                  ? ""
                                  : fmt::format(", VM {} of {}", vm + 1, file.recordings.size());
    fmt::print("{}{}: {}", file.path.string(), which, Explain(recording, judgement));
    switch (judgement.answer) {
      case Answer::kExplained:
        ++explained_;
        break;
      case Answer::kGaveUp:
        ++gave_up_;
        break;
      case Answer::kContradicted:
        ++contradicted_;
        Draw(recording, judgement, PictureOf(file, vm));
        break;
    }
  }

  // Where a contradiction is drawn; empty: nowhere.
  fs::path PictureOf(const HistoryFile& file, std::size_t vm) const {
    if (!options_.picture.empty()) return contradicted_ == 1 ? options_.picture : "";
    // A broken model's contradictions are not what somebody looks for beside a history.
    if (!options_.plant.empty()) return "";
    const std::string name =
        vm == 0 ? "contradiction.html" : fmt::format("contradiction-{}.html", vm + 1);
    return file.path.parent_path() / name;
  }

  void Draw(const Recording& recording, const Judgement& judgement, const fs::path& path) {
    if (path.empty()) return fmt::print("\n");
    const std::string picture = path.extension() == ".svg" ? SvgPicture(recording, judgement)
                                                           : HtmlPicture(recording, judgement);
    const Status written = WriteFile(path, picture);
    if (written) return fmt::print("  picture: {}\n\n", path.string());
    fmt::print("  no picture: {}\n\n", written.error().message);
    no_picture_ = !options_.picture.empty();
  }

  const JudgeOptions& options_;
  std::size_t explained_ = 0, contradicted_ = 0, gave_up_ = 0;
  bool no_picture_ = false;  // though one was asked for
};

}  // namespace

Exit JudgeHistories(const JudgeOptions& options) {
  if (options.list_bugs) return ListBugs();
  if (options.paths.empty()) return Complain({Exit::kUsage, "PATH is required"});
  const std::string extension = options.picture.extension();
  if (!options.picture.empty() && extension != ".svg" && extension != ".html") {
    return Complain({Exit::kUsage, fmt::format("--picture: {} ends neither in .svg nor in .html",
                                               options.picture.string())});
  }
  const std::optional<model::Planted> planted =
      options.plant.empty() ? model::Planted() : model::FindPlantedBug(options.plant);
  if (!planted) {
    return Complain(
        {Exit::kUsage, fmt::format("--plant: there is no bug '{}' (--list-bugs)", options.plant)});
  }
  Result<std::vector<HistoryFile>> files = Read(options.paths);
  if (!files) return Complain({Exit::kUsage, files.error().message});
  return Court(options).Judge(std::move(files).value(), *planted);
}

}  // namespace kct
