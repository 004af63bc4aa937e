// SPDX-License-Identifier: GPL-2.0-only
#include "ci/vm/init/job.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <charconv>
#include <sstream>

#include "ci/vm/init/threads.h"
#include "harness/base/errno.h"

namespace kct {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

// A pipe whose ends stay clear of the numbers that the program's own descriptors get.
Result<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return MakeError("no pipe: {}", LastErrno().Explain());
  UniqueFd read(ends[0]);
  UniqueFd write(ends[1]);
  UniqueFd high(fcntl(write.get(), F_DUPFD_CLOEXEC, 10));
  if (!high || fcntl(read.get(), F_SETFL, O_NONBLOCK) != 0) {
    return MakeError("no pipe: {}", LastErrno().Explain());
  }
  return Pipe{std::move(read), std::move(high)};
}

[[noreturn]] void Exec(const RunOrder& command, const Pipe& output, const Pipe& events) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // for --host: nothing outlives the runner
  setsid();
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(output.write.get(), STDOUT_FILENO);
  dup2(output.write.get(), STDERR_FILENO);
  dup2(events.write.get(), 3);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> arguments;
  for (const std::string& argument : command.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  dprintf(STDERR_FILENO, "%s: can't be run: %s\n", arguments[0], LastErrno().Explain().c_str());
  _exit(127);
}

}  // namespace

Result<RunOrder> ParseRunOrder(std::string_view text) {
  std::istringstream words{std::string(text)};
  RunOrder command;
  int64_t seconds = 0;
  words >> command.id >> seconds;
  if (!words || seconds <= 0) return MakeError("run needs: ID SECONDS PROGRAM, not '{}'", text);
  command.limit = std::chrono::seconds(seconds);
  for (std::string word; words >> word;) command.arguments.push_back(word);
  if (command.arguments.empty()) return MakeError("run needs a program: '{}'", text);
  return command;
}

Result<Job> Job::Start(const RunOrder& command) {
  KCT_TRY(Pipe output, MakePipe());
  KCT_TRY(Pipe events, MakePipe());
  Job job;
  job.id_ = command.id;
  job.limit_ = command.limit;
  job.started_ = Clock::now();
  job.pid_ = fork();
  if (job.pid_ < 0) return MakeError("no new process: {}", LastErrno().Explain());
  if (job.pid_ == 0) Exec(command, output, events);
  job.output_ = std::move(output.read);
  job.events_ = std::move(events.read);
  return job;
}

void Job::ForwardStream(const Port& port, const Stream& stream) {
  char buffer[16384];
  // A program that writes without end must not keep PID 1 from looking at the clock.
  for (int reads = 0; *stream.fd && reads < 8; ++reads) {
    const ssize_t count = read(stream.fd->get(), buffer, sizeof buffer);
    if (count < 0) return;
    if (count == 0) stream.fd->Reset();
    stream.lines->Feed({buffer, static_cast<std::size_t>(count)}, [&](std::string_view line) {
      port.Say("{} {} {}", stream.letter, id_, line);
    });
  }
}

void Job::Forward(const Port& port) {
  ForwardStream(port, {&events_, &event_lines_, 'E'});
  ForwardStream(port, {&output_, &output_lines_, 'O'});
}

void Job::KillGroup() const { kill(-pid_, SIGKILL); }

bool Job::CheckDeadline(const Port& port) {
  const Instant now = Clock::now();
  if (!killed_ && now - started_ > limit_) {
    for (const std::string& line : DescribeThreads(pid_)) port.Say("O {} {}", id_, line);
    port.Say("O {} its time of {:.0f} s is over: killed", id_, Seconds(limit_));
    KillGroup();
    killed_ = now;
  }
  if (!killed_ || now - *killed_ < kGrace) return false;
  Forward(port);
  for (const std::string& line : DescribeThreads(pid_)) port.Say("O {} {}", id_, line);
  port.Say("Z {} still there {:.0f} s after SIGKILL", id_, Seconds(kGrace));
  return true;
}

void Job::End(const Port& port, int wait_status) {
  KillGroup();  // what it left behind
  Forward(port);
  const auto say = [&](char letter) {
    return
        [&port, letter, this](std::string_view line) { port.Say("{} {} {}", letter, id_, line); };
  };
  event_lines_.Finish(say('E'));
  output_lines_.Finish(say('O'));
  const int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;
  const int signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
  const auto ran = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
  port.Say("X {} {} {} {}", id_, status, signal, ran.count());
}

}  // namespace kct
