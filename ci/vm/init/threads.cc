// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/init/threads.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

namespace kct {
namespace {

std::string FirstLine(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The letter and word of "State: D (disk sleep)".
std::string StateOf(const std::filesystem::path& task) {
  std::ifstream file(task / "status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("State:\t")) return line.substr(7);
  }
  return "gone";
}

}  // namespace

std::vector<std::string> DescribeThreads(pid_t pid) {
  std::vector<std::string> lines;
  std::error_code error;
  // Threads come and go meanwhile, so each step can fail.
  std::filesystem::directory_iterator task(fmt::format("/proc/{}/task", pid), error);
  for (; !error && task != std::filesystem::directory_iterator(); task.increment(error)) {
    const std::filesystem::path& path = task->path();
    lines.push_back(fmt::format("thread {} '{}': {}", path.filename().string(),
                                FirstLine(path / "comm"), StateOf(path)));
    std::ifstream stack(path / "stack");
    for (std::string frame; std::getline(stack, frame);) lines.push_back("  " + frame);
  }
  return lines;
}

}  // namespace kct
