// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/session_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "ci/kct/history_judge.h"
#include "ci/kct/local_socket.h"
#include "ci/kct/mode_comparison.h"
#include "ci/kct/progress.h"
#include "ci/kct/seeds.h"

namespace kct {
namespace {

constexpr Duration kIdleLimit = 2min;

int ExitOf(const TestResult& result) {
  return result.news == News::kKnown ? 0 : ExitStatus(result.verdict);
}

class Server {
 public:
  Server(ServerPlace place, Lab& lab)
      : place_(std::move(place)),
        lab_(lab),
        progress_(PrinterOptions{}, lab.tests().size()),
        runner_(lab.MakeBoot(interrupt_), lab.MakeRunnerOptions(), progress_) {}

  Exit Run();

 private:
  enum class Next { kGoOn, kEnd };
  // A client, or nothing when it is time to end.
  UniqueFd Await();
  Next Answer(int client);
  std::string RunTest(const std::string& name);
  struct Answered {
    std::string text;
    int exit = 0;
  };
  std::vector<Mode> ModesFor(const TestCase& test) const;
  Answered RunIn(Mode mode, const TestCase& test);
  Exit WriteReport();

  const ServerPlace place_;
  Lab& lab_;
  const Interrupt interrupt_;
  ProgressPrinter progress_;
  Runner runner_;
  ModeComparison comparison_;
  RunReport report_;
};

UniqueFd Server::Await() {
  const Instant deadline = Clock::now() + kIdleLimit;
  while (Clock::now() < deadline && !interrupt_.came() &&
         std::filesystem::exists(place_.folder / "socket")) {
    pollfd ready{.fd = place_.listener.get(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, 1000) <= 0) continue;
    UniqueFd client(accept4(place_.listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client) return client;
  }
  return {};
}

Exit Server::Run() {
  const Instant start = Clock::now();
  while (const UniqueFd client = Await()) {
    if (Answer(client.get()) == Next::kEnd) break;
  }
  report_.facts = lab_.Facts();
  report_.facts.seed = place_.seed;
  report_.seconds = Seconds(Clock::now() - start);
  return WriteReport();
}

Server::Next Server::Answer(int client) {
  const std::string request = ReceiveLine(client);
  if (request == "stop") return Next::kEnd;
  if (!request.starts_with("run ")) {
    SendAll(client, "kct: a session knows 'run TEST' and 'stop'\nexit 2\n");
    return Next::kGoOn;
  }
  SendAll(client, RunTest(request.substr(4)));
  return Next::kGoOn;
}

std::string Server::RunTest(const std::string& name) {
  const auto test = std::find_if(lab_.tests().begin(), lab_.tests().end(),
                                 [&](const TestCase& entry) { return entry.name == name; });
  if (test == lab_.tests().end()) return fmt::format("kct: no test {}\nexit 2\n", name);
  const std::vector<Mode> modes = ModesFor(*test);
  if (modes.empty()) {
    return fmt::format(
        "one-paging-mode: KVM of this machine has no other mode to compare with\n"
        "exit {}\n",
        ExitStatus(Verdict::kSkip));
  }
  Answered all;
  for (const Mode mode : modes) {
    Answered one = RunIn(mode, *test);
    all.text += one.text;
    all.exit = one.exit;
    if (one.exit != 0) break;
  }
  return fmt::format("{}exit {}\n", all.text, all.exit);
}

std::vector<Mode> Server::ModesFor(const TestCase& test) const {
  const bool host = lab_.options().target == Target::kHost;
  if (ComparesModes(test)) {
    return host ? std::vector<Mode>{} : std::vector<Mode>{Mode::kNpt, Mode::kShadow};
  }
  if (host) return {Mode::kHost};
  return {test.paging == "shadow" ? Mode::kShadow : Mode::kNpt};
}

Server::Answered Server::RunIn(Mode mode, const TestCase& test) {
  std::variant<TestResult, Stop> outcome =
      runner_.Run({test, mode, 0, place_.seed, SeedOfTest(place_.seed, test.name)});
  if (const Stop* stop = std::get_if<Stop>(&outcome)) {
    return {fmt::format("kct: {}\n", stop->message), static_cast<int>(stop->exit)};
  }
  TestResult judged = WithItsHistoriesJudged(std::get<TestResult>(std::move(outcome)));
  TestResult result = lab_.Classify(comparison_.Judge(std::move(judged)));
  progress_.Done(result);
  Answered answer{result.output + TextOfResult(lab_.Facts(), result), ExitOf(result)};
  if (const Status written = lab_.folder().WriteTest(result); !written) {
    answer.text += fmt::format("kct: {}\n", written.error().message);
    answer.exit = static_cast<int>(Exit::kMachine);
  }
  report_.results.push_back(std::move(result));
  return answer;
}

Exit Server::WriteReport() {
  if (!std::filesystem::exists(place_.folder)) return Exit::kNothingNew;
  const Status written = lab_.folder().WriteReport(report_);
  std::error_code error;
  std::filesystem::remove(place_.folder / "socket", error);
  if (written) return Exit::kNothingNew;
  fmt::print(stderr, "kct: {}\n", written.error().message);
  return Exit::kMachine;
}

}  // namespace

Exit Serve(ServerPlace place, Lab& lab) { return Server(std::move(place), lab).Run(); }

}  // namespace kct
