// SPDX-License-Identifier: GPL-2.0-only
// PID 1 of the VM (docs/design/protocol.md, part 2; docs/design/runner.md).
//
// "kct_init --host DIR" does the same for a machine that is up already: commands come from standard
// input, programs run in DIR, and nothing is mounted or loaded.
#include <poll.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "ci/vm/init/job.h"
#include "ci/vm/init/kernel_log.h"
#include "ci/vm/init/modules.h"
#include "ci/vm/init/port.h"
#include "ci/vm/init/system.h"
#include "harness/base/errno.h"

namespace kct {
namespace {

enum class Place { kVm, kHost };

int64_t MillisecondsSinceBoot() {
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

UniqueFd TickEachSecond() {
  UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const itimerspec each_second{.it_interval = {1, 0}, .it_value = {1, 0}};
  KCT_CHECK(timer && timerfd_settime(timer.get(), 0, &each_second, nullptr) == 0);
  return timer;
}

// Turns the end of child processes into something to poll for.
UniqueFd WatchChildren() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  UniqueFd children(signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
  KCT_CHECK(children);
  return children;
}

class Init {
 public:
  Init(Place place, Port port) : place_(place), port_(std::move(port)) {}

  // Says U, or what is wrong with this machine.
  void ComeUp();
  // A command that is no line of the port: PID 1 was started with it.
  void ObeyFirst(const std::string& command) { Obey(command); }
  // Does what the runner says, until it says "off" or is gone.
  void Serve();

 private:
  enum class Next { kGoOn, kOff };

  void Hold();
  Next ReadCommands();
  Next Obey(std::string_view command);
  void Run(std::string_view command);
  void Reload(std::string_view command);
  void Reap();

  const Place place_;
  const Port port_;
  LineSplitter commands_;
  UniqueFd children_ = WatchChildren();
  UniqueFd timer_ = TickEachSecond();
  UniqueFd kernel_log_;
  UniqueFd held_vm_;
  std::optional<Job> job_;
};

void Init::ComeUp() {
  Result<UniqueFd> log = OpenKernelLog();
  if (log) kernel_log_ = std::move(log).value();
  if (place_ == Place::kVm) {
    MakeTheKernelTalk();
    KeepMemoryFromScans();
    const Modules::Answer loaded = Modules().LoadAll();
    if (loaded.error != Errno(0)) port_.Say("B {}", loaded.what);
    Hold();
    if (const Status started = StartOtherCpus(); !started) {
      port_.Say("B {}", started.error().message);
    }
  }
  utsname names;
  uname(&names);
  port_.Say("U {}", names.release);
}

void Init::Hold() {
  if (KernelArgument("kct.hold") == "0") return;
  Result<UniqueFd> vm = HoldVm();
  if (vm) {
    held_vm_ = std::move(vm).value();
  } else {
    port_.Say("B {}", vm.error().message);
  }
}

void Init::Serve() {
  for (;;) {
    pollfd ready[] = {
        {.fd = port_.in(), .events = POLLIN, .revents = 0},
        {.fd = children_.get(), .events = POLLIN, .revents = 0},
        {.fd = timer_.get(), .events = POLLIN, .revents = 0},
        {.fd = kernel_log_.get(), .events = POLLIN, .revents = 0},
        {.fd = job_ ? job_->events() : -1, .events = POLLIN, .revents = 0},
        {.fd = job_ ? job_->output() : -1, .events = POLLIN, .revents = 0},
    };
    poll(ready, std::size(ready), -1);
    if (kernel_log_) ForwardKernelLog(port_, kernel_log_.get());
    if (job_) job_->Forward(port_);
    Reap();
    uint64_t ticks;
    if (read(timer_.get(), &ticks, sizeof ticks) > 0) {
      port_.Say("T {}", MillisecondsSinceBoot());
      if (job_ && job_->CheckDeadline(port_)) job_.reset();
    }
    if (ready[0].revents != 0 && ReadCommands() == Next::kOff) return;
  }
}

void Init::Reap() {
  signalfd_siginfo info;
  while (read(children_.get(), &info, sizeof info) > 0) {
  }
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (!job_ || pid != job_->pid()) continue;  // an orphan
    // What the kernel said about the program comes before its end.
    if (kernel_log_) ForwardKernelLog(port_, kernel_log_.get());
    job_->End(port_, status);
    job_.reset();
  }
}

Init::Next Init::ReadCommands() {
  char buffer[4096];
  const ssize_t count = read(port_.in(), buffer, sizeof buffer);
  if (count == 0 && place_ == Place::kHost) return Next::kOff;
  if (count <= 0) return Next::kGoOn;
  Next next = Next::kGoOn;
  commands_.Feed({buffer, static_cast<std::size_t>(count)}, [&](std::string_view command) {
    if (next == Next::kGoOn) next = Obey(command);
  });
  return next;
}

Init::Next Init::Obey(std::string_view command) {
  const std::size_t space = std::min(command.find(' '), command.size());
  const std::string_view verb = command.substr(0, space);
  const std::string_view rest = command.substr(std::min(space + 1, command.size()));
  if (verb == "off") return Next::kOff;
  if (verb == "run") {
    Run(rest);
  } else if (verb == "reload") {
    Reload(rest);
  } else {
    port_.Say("B no command '{}': run, reload and off are", verb);
  }
  return Next::kGoOn;
}

void Init::Run(std::string_view text) {
  if (job_) {
    port_.Say("B command {} still runs, so this is too early: run {}", job_->id(), text);
    return;
  }
  Result<RunOrder> command = ParseRunOrder(text);
  if (!command) {
    port_.Say("B {}", command.error().message);
    return;
  }
  port_.Say("S {}", command->id);
  Result<Job> job = Job::Start(*command);
  if (job) {
    job_ = std::move(job).value();
  } else {
    port_.Say("Z {} {}", command->id, job.error().message);
  }
}

void Init::Reload(std::string_view command) {
  if (place_ == Place::kHost) {
    port_.Say("R {} not on this target", EPERM);
    return;
  }
  held_vm_.Reset();
  const Modules::Answer answer = Modules().Reload(command);
  port_.Say("R {} {}", answer.error.value(), answer.what);
  Hold();
}

// As long as the kernel's command line says.
void Spin() {
  const uint64_t turns = std::strtoull(KernelArgument("kct.spin").c_str(), nullptr, 10);
  for (uint64_t turn = 0; turn < turns; ++turn) asm volatile("");
}

int Main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--host") {
    if (chdir(argv[2]) != 0) {
      fmt::print(stderr, "kct_init: {}: {}\n", argv[2], LastErrno().Explain());
      return 2;
    }
    Result<Port> port = Port::TakeStdio();
    if (!port) return 1;
    Init init(Place::kHost, std::move(port).value());
    init.ComeUp();
    init.Serve();
    return 0;
  }
  if (getpid() != 1) {
    fmt::print(stderr, "kct_init: this is PID 1 of a VM; elsewhere it needs --host DIR\n");
    return 2;
  }
  MountAll();
  Result<Port> port = Port::OpenSerial("/dev/ttyS1");
  if (!port) {
    fmt::print(stderr, "kct: {}\n", port.error().message);
    reboot(RB_POWER_OFF);
    return 1;
  }
  Init init(Place::kVm, std::move(port).value());
  init.ComeUp();
  // The kernel hands over what it has no use for itself, and then what was meant for us.
  char** const last = argv + argc;
  char** const mark = std::find(argv, last, std::string_view("obey"));
  if (mark != last) {
    Spin();
    init.ObeyFirst(fmt::format("{}", fmt::join(mark + 1, last, " ")));
  }
  init.Serve();
  sync();
  reboot(RB_POWER_OFF);
  return 0;
}

}  // namespace
}  // namespace kct

int main(int argc, char** argv) { return kct::Main(argc, argv); }
