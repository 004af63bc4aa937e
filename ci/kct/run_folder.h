// SPDX-License-Identifier: GPL-2.0-only
// RunFolder: owns every path that a run writes.
//
//   run.json  report.txt              the whole result
//   initramfs.cpio                    what the VMs boot with, for qemu-command.txt to work again
//   vm-1-npt/                         a folder per VM: console.log, kernel.log, stderr.txt (of
//                                     QEMU), qemu-command.txt
//   tests/NAME[.MODE][.N]/            a folder per run of a test: events.jsonl, output.txt,
//                                     history.txt (docs/design/history.md), kernel.log; empty
//                                     ones are left out
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "ci/kct/run_report.h"
#include "ci/vm/qemu.h"
#include "harness/base/result.h"

namespace kct {

class RunFolder {
 public:
  // That a folder named by the user can be one: it may exist, but not hold another run.
  static Status CheckName(const std::filesystem::path& path);
  // The folder named by the user, which is made.
  static Result<RunFolder> Named(const std::filesystem::path& path);
  // kct-runs/DATE-TIME-KERNEL in the current folder, with the link kct-runs/latest to it.
  static Result<RunFolder> Dated(std::string_view kernel_release);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path initramfs() const { return path_ / "initramfs.cpio"; }
  // Another one at each call, by any thread.
  std::filesystem::path NextMachine(Mode mode, Emulation emulation);
  std::filesystem::path OfTest(const Assignment& assignment) const;

  // run.json and report.txt
  Status WriteReport(const RunReport& report) const;
  Status WriteTest(const TestResult& result) const;

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  std::shared_ptr<std::atomic<int>> machines_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace kct
