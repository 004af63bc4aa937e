// SPDX-License-Identifier: GPL-2.0-only
// The VM's process ends: its memory goes while it dies, and its VM with it.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "harness/abi/host.h"
#include "harness/base/patience.h"
#include "harness/liveness/in_flight.h"
#include "harness/testing/fixture.h"
#include "harness/testing/guest_scene.h"
#include "harness/testing/matchers.h"

namespace kct {
namespace {

class NotifierProcess : public VmTest<Need::kHostMemory> {};
class NotifierReaper : public VmTest<Need::kHostMemory, Need::kRoot> {};

constexpr Duration kPatience = 5s;
constexpr uint64_t kPages = 16384;  // 64 MiB

// A child with a VM of its own, whose guest has written to all of a slot and now goes on for ever.
// What it has to tell comes first: where the slot's memory is, and its fds.
struct News {
  uint64_t memory;
  int fds[2];  // of the VM and of its vCPU; what they are here
};

void Send(int socket, uint64_t memory, int vm, int vcpu) {
  const int fds[] = {vm, vcpu};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  iovec data{.iov_base = &memory, .iov_len = sizeof memory};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(header), fds, sizeof fds);
  sendmsg(socket, &message, 0);
}

Result<News> Receive(int socket) {
  News news = {};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof news.fds)] = {};
  iovec data{.iov_base = &news.memory, .iov_len = sizeof news.memory};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (size != sizeof news.memory || header == nullptr || header->cmsg_type != SCM_RIGHTS) {
    return MakeError("the child with the VM has nothing to tell");
  }
  std::memcpy(news.fds, CMSG_DATA(header), sizeof news.fds);
  return news;
}

[[noreturn]] void RunAVm(int socket) {
  Result<GuestScene> scene = GuestScene::Make({.pages = kPages});
  if (!scene) _exit(1);
  GuestCpu& cpu = scene->cpu;
  const bool written =
      cpu.Load(Program().WriteTouch(scene->slot.range(), 7)).ok() && cpu.Run().done();
  if (!written || !cpu.Load(Program().LoopStart().Read64(kHome).RepeatUntilFlag()).ok()) _exit(1);
  Send(socket, scene->slot.hva().value, scene->vm.fd(), cpu.vcpu().fd());
  for (;;) cpu.Run();
}

class ChildWithAVm {
 public:
  static Result<std::unique_ptr<ChildWithAVm>> Make() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      return MakeError("socketpair: {}", LastErrno().Explain());
    }
    const UniqueFd ours(ends[0]);
    UniqueFd its(ends[1]);
    const pid_t pid = fork();
    if (pid == 0) RunAVm(its.get());
    its.Reset();  // so that its end is seen
    std::unique_ptr<ChildWithAVm> child(new ChildWithAVm(pid));
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    KCT_TRY(const News news, Receive(ours.get()));
    child->memory_ = {news.memory};
    child->vm_ = UniqueFd(news.fds[0]);
    child->vcpu_ = UniqueFd(news.fds[1]);
    return child;
  }
  ~ChildWithAVm() {
    if (!ended_) kill(pid_, SIGKILL);
    if (!ended_) waitpid(pid_, nullptr, __WALL);
  }

  pid_t pid() const { return pid_; }
  Hva memory() const { return memory_; }
  int vm() const { return vm_.get(); }
  int vcpu() const { return vcpu_.get(); }

  // What waitpid() says of it; none before the deadline.
  std::optional<int> NextStatus(Instant deadline) {
    int status = 0;
    if (!WaitUntil([&] { return waitpid(pid_, &status, __WALL | WNOHANG) == pid_; }, deadline)) {
      return std::nullopt;
    }
    ended_ = WIFSIGNALED(status) || WIFEXITED(status);
    return status;
  }

 private:
  explicit ChildWithAVm(pid_t pid) : pid_(pid) {}

  pid_t pid_;
  Hva memory_;
  UniqueFd vm_, vcpu_;
  bool ended_ = false;
};

uint64_t FreeMemory() {
  std::ifstream file("/proc/meminfo");
  std::string name, rest;
  for (uint64_t kilobytes; file >> name >> kilobytes; std::getline(file, rest)) {
    if (name == "MemFree:") return kilobytes * 1024;
  }
  return 0;
}

// Whether the guest's memory comes back: a good part of it, since CPUs keep some of what is freed
// and the rest of the system takes its own.
bool IsFreed(uint64_t free_before) {
  const uint64_t part = Pages(kPages).count / 4;
  return WaitUntil([&] { return FreeMemory() > free_before + part; }, GiveUpAfter(kPatience));
}

// Somebody else may keep the VM, but has nothing of it: its memory goes with its process.
KCT_TEST(NotifierProcess, TakesTheVmWithIt, "MN-08") {
  ASSERT_OK_AND_ASSIGN(const auto child, ChildWithAVm::Make());
  const uint64_t free_before = FreeMemory();
  kill(child->pid(), SIGKILL);
  ASSERT_REACHED(child->NextStatus(GiveUpAfter(kPatience)).has_value(), "the end of the child");

  EXPECT_TRUE(IsFreed(free_before)) << free_before << " bytes were free, now " << FreeMemory();
  const kvm_userspace_memory_region none = {.slot = 1};
  kvm_regs registers;
  const kvm_pre_fault_memory prefault = {.gpa = kHome.value, .size = kPage.count};
  EXPECT_THAT(IssueNumber(child->vm(), KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY), FailsWith(EIO));
  EXPECT_THAT(Issue(child->vm(), KVM_SET_USER_MEMORY_REGION, none), FailsWith(EIO));
  EXPECT_THAT(IssueNumber(child->vm(), KVM_CREATE_VCPU, 9), FailsWith(EIO));
  EXPECT_THAT(IssueNumber(child->vcpu(), KVM_RUN, 0), FailsWith(EIO));
  EXPECT_THAT(IssueAt(child->vcpu(), KVM_GET_REGS, &registers), FailsWith(EIO));
  EXPECT_THAT(Issue(child->vcpu(), KVM_PRE_FAULT_MEMORY, prefault), FailsWith(EIO));
}

// The memory of a process that dies and does not get on with it is taken from outside, as the OOM
// reaper does it, which may not wait. Here it is held at its exit by a debugger.
KCT_TEST(NotifierReaper, TakesTheMemoryOfADyingProcess, "MN-02", "MN-08") {
  constexpr long kProcessMrelease = 448;  // Linux 5.15
  ASSERT_OK_AND_ASSIGN(const auto child, ChildWithAVm::Make());
  ASSERT_EQ(ptrace(PTRACE_SEIZE, child->pid(), 0, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL), 0);
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, child->pid(), 0)));
  kill(child->pid(), SIGKILL);
  const std::optional<int> held = child->NextStatus(GiveUpAfter(kPatience));
  ASSERT_REACHED(held && *held >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8), "the child at its exit");
  auto invalidations = CurrentHost().CountInvalidations(child->memory(), Pages(kPages));
  const uint64_t free_before = FreeMemory();

  {
    const InFlight call("process_mrelease");
    EXPECT_EQ(syscall(kProcessMrelease, pidfd.get(), 0), 0) << LastErrno().Explain();
  }

  EXPECT_TRUE(IsFreed(free_before)) << free_before << " bytes were free, now " << FreeMemory();
  if (invalidations) {
    ASSERT_OK_AND_ASSIGN(const uint64_t count, (*invalidations)->Count());
    Note(fmt::format("{} calls of the notifier", count));
    ASSERT_REACHED(count > 0, "a call of the notifier");
  }
  ASSERT_EQ(ptrace(PTRACE_CONT, child->pid(), 0, 0), 0);
  const std::optional<int> end = child->NextStatus(GiveUpAfter(kPatience));
  ASSERT_TRUE(end.has_value()) << "the process does not end";
  EXPECT_EQ(WTERMSIG(*end), SIGKILL);
}

}  // namespace
}  // namespace kct
