// SPDX-License-Identifier: GPL-2.0-only
// Child: a program of which nothing is left when its Child is gone, or when we are.
//
// Its standard input and output are one socket, held by us; its standard error is a file. It leads
// a process group of its own, so that a ^C at the terminal reaches us only.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/base/unique_fd.h"

namespace kct {

class Child {
 public:
  // REQUIRES: argv[0] is a path; no PATH is searched.
  static Result<Child> Start(const std::vector<std::string>& argv,
                             const std::filesystem::path& error_file);

  Child() = default;
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~Child() { Kill(); }

  pid_t pid() const { return pid_; }
  int socket() const { return socket_.get(); }

  // Waits up to two seconds for the end of a child that hung up, then kills it. The answer is the
  // status of waitpid(). REQUIRES: not killed before.
  int Collect();
  // Ends the child and its group now.
  void Kill();

 private:
  Child(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}

  pid_t pid_ = -1;
  UniqueFd socket_;
};

}  // namespace kct
