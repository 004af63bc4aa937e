// SPDX-License-Identifier: GPL-2.0-only
// The command line of kct.
#include <CLI/CLI.hpp>

#include "ci/kct/answers_command.h"
#include "ci/kct/drift_command.h"
#include "ci/kct/exec_command.h"
#include "ci/kct/judge_command.h"
#include "ci/kct/kernel_command.h"
#include "ci/kct/model_proof_command.h"
#include "ci/kct/prove_command.h"
#include "ci/kct/run_command.h"
#include "ci/kct/seeds.h"
#include "ci/kct/session.h"
#include "harness/spec/clauses.h"
#include "kct_generated/version.h"

namespace kct {
namespace {

// What CLI11 fills in as text or flags, before it is checked.
struct RawOptions {
  RunOptions run;
  std::string seed;
  std::vector<std::string> modes;
  std::string emulation = "multi";
  std::string target = "vm";
  bool list = false;
  bool quick = false;
  bool strict = false;
  bool keep = false;
  bool deterministic = false;
  unsigned shift = 2;
};

void AddLabOptions(CLI::App& app, RawOptions& raw,
                   const std::vector<std::string>& targets = {"vm", "host"}) {
  LabOptions& lab = raw.run.lab;
  app.add_option("--kernel", lab.kernel.kernel,
                 "debian:latest, debian:7.3, debian:6.12.117 …, built:sw-protected …, or a bzImage")
      ->capture_default_str();
  app.add_option("--modules", lab.kernel.modules, "Modules of the bzImage: a folder");
  app.add_option("--module", lab.kernel.replacements,
                 "A .ko that takes the place of the kernel's own; repeatable")
      ->allow_extra_args(false);
  app.add_option("--known", lab.known, "Known failures (default: those of kct)");
  app.add_option("--emulation", raw.emulation, "Threads of QEMU's emulation")
      ->check(CLI::IsMember({"multi", "single"}))
      ->capture_default_str();
  app.add_option("--cpus", lab.cpus, "CPUs of the VM")
      ->check(CLI::Range(1U, 64U))
      ->capture_default_str();
  app.add_option("--memory", lab.memory, "Memory of the VM")->capture_default_str();
  app.add_option("--target", raw.target, "Where the tests run: a VM, or this machine's own KVM")
      ->check(CLI::IsMember(targets))
      ->capture_default_str();
  app.add_option("--seed", raw.seed, "Seed of all random choices (default: a fresh one)");
  app.add_option("--programs", lab.programs, "Folder of the test binaries (default: kct's own)");
}

CLI::App* AddRun(CLI::App& app, RawOptions& raw) {
  CLI::App* run = app.add_subcommand("run", "Judge a kernel with the test suites");
  AddLabOptions(*run, raw);
  SelectionOptions& selection = raw.run.selection;
  run->add_option("--suite", selection.suites, "prefault, memslot …; repeatable")
      ->allow_extra_args(false);
  run->add_option("--filter", selection.filter, "Tests, in GoogleTest's syntax: A*:B.c-*Race*");
  run->add_option("--clause", selection.clause, "Only tests that name this clause");
  run->add_option("--lie", selection.lie, "Falsify what the kernel answers (can-fail.md)");
  run->add_option("--mode", raw.modes, "Paging of the KVM under test; repeatable")
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"npt", "shadow"}));
  run->add_flag("--quick", raw.quick,
                "No long tests, no shadow paging, one of each family of tests");
  run->add_option("--repeat", selection.repeat, "Run each test so often")
      ->check(CLI::Range(1U, 1000000U));
  run->add_option("--jobs", raw.run.jobs,
                  "VMs at a time (default: as many as have CPUs of their own, at most 8)")
      ->check(CLI::Range(1U, 64U));
  CLI::Option* deterministic = run->add_flag(
      "--deterministic", raw.deterministic,
      "A machine for each test on which nothing depends on the host: same seed, same run");
  run->add_option("--shift", raw.shift, "Its instructions take 2^SHIFT nanoseconds")
      ->check(CLI::Range(0U, 10U))
      ->needs(deterministic)
      ->capture_default_str();
  run->add_flag("--list", raw.list, "Only list what would run");
  run->add_option("--json", raw.run.json, "Write the report as JSON here too");
  run->add_option("--junit", raw.run.junit, "Write the report as JUnit XML");
  run->add_option("--out", raw.run.lab.out, "Run folder (default: kct-runs/DATE-TIME-KERNEL)");
  run->add_flag("--strict", raw.strict, "Known failures and unexpected passes are findings too");
  run->add_flag("--keep", raw.keep, "Keep the initramfs in the run folder, findings or not");
  return run;
}

Status Check(RawOptions& raw) {
  RunOptions& run = raw.run;
  run.selection.seed = FreshSeed();
  if (!raw.seed.empty()) {
    KCT_TRY(run.selection.seed, ParseSeed(raw.seed));
  }
  for (const std::string& mode : raw.modes) run.selection.modes.push_back(*ModeByName(mode));
  run.lab.emulation = raw.emulation == "multi" ? Emulation::kMulti : Emulation::kSingle;
  run.lab.target = raw.target == "vm" ? Target::kVm : Target::kHost;
  if (raw.deterministic) {
    if (run.lab.target == Target::kHost) return MakeError("--deterministic: needs a VM");
    run.lab.deterministic = raw.shift;
  }
  if (raw.list) run.action = RunOptions::Action::kList;
  if (raw.quick) run.selection.extent = Extent::kQuick;
  if (raw.strict) run.strictness = Strictness::kStrict;
  if (raw.keep) run.keep_initramfs = RunOptions::Leftovers::kAlways;
  return {};
}

void PrintClauses(const std::vector<TestCase>& tests) {
  for (const Clause& clause : AllClauses()) {
    fmt::print("{:<13}{}\n", clause.id, clause.title);
    for (const TestCase& test : tests) {
      const auto& named = test.clauses;
      if (std::find(named.begin(), named.end(), clause.id) == named.end()) continue;
      fmt::print("             {} {}\n", test.suite, test.name);
    }
    if (!clause.untested.empty()) fmt::print("             untested: {}\n", clause.untested);
  }
}

Exit ListClauses(const LabOptions& options) {
  const std::variant<Lab, Stop> lab = Lab::Open(options);
  if (const Stop* stop = std::get_if<Stop>(&lab)) return Complain(*stop);
  PrintClauses(std::get<Lab>(lab).tests());
  return Exit::kNothingNew;
}

// The subcommands, and what they were given.
struct CommandLine {
  explicit CommandLine(CLI::App& app);

  RawOptions raw;
  std::string spec;
  std::filesystem::path session_folder;
  std::string test;
  ExecOptions exec_options;
  DriftOptions drift_options;
  AnswersOptions answers_options;
  JudgeOptions judge_options;
  BuildOptions build_options;
  bool all_kernels = false;
  CLI::App* run;
  CLI::App* prove;
  CLI::App* exec;
  CLI::App* list;
  CLI::App* get;
  CLI::App* build;
  CLI::App* clauses;
  CLI::App* drift;
  CLI::App* judge;
  CLI::App* start;
  CLI::App* run_one;
  CLI::App* stop;
};

CLI::App* AddProve(CLI::App& app, RawOptions& raw) {
  CLI::App* prove =
      app.add_subcommand("prove",
                         "Show that every test fails under its lie (can-fail.md), or with "
                         "--target model: that planted bugs are noticed (model.md)");
  AddLabOptions(*prove, raw, {"vm", "host", "model"});
  prove->add_option("--suite", raw.run.selection.suites, "prefault, memslot …; repeatable")
      ->allow_extra_args(false);
  prove->add_option("--filter", raw.run.selection.filter, "Tests, in GoogleTest's syntax");
  prove->add_option("--out", raw.run.lab.out, "Run folder");
  return prove;
}

CLI::App* AddExec(CLI::App& app, RawOptions& raw, ExecOptions& options) {
  CLI::App* exec = app.add_subcommand("exec", "Run a program of yours on the kernel under test");
  AddLabOptions(*exec, raw);
  exec->add_option("--limit", options.limit_seconds, "Seconds until it is killed")
      ->capture_default_str();
  exec->add_option("--out", raw.run.lab.out, "Run folder");
  exec->add_option("PROGRAM", options.command, "The program and its arguments, after --")
      ->required();
  return exec;
}

CLI::App* AddDrift(CLI::App& app, DriftOptions& options) {
  CLI::App* drift = app.add_subcommand(
      "drift", "Hold the clauses against a kernel's documents and sources (drift.md)");
  drift->add_option("--tree", options.tree, "Sources of a kernel")->required();
  drift->add_option("--find", options.find, "Print the sentences that have these words instead");
  drift->add_option("--document", options.document, "Where --find looks, or x86/intel-tdx.rst …")
      ->capture_default_str();
  drift->add_option("--known", options.known, "Findings that are known (default: those of kct)");
  return drift;
}

CLI::App* AddClauses(CLI::App& app, RawOptions& raw, AnswersOptions& options) {
  CLI::App* clauses =
      app.add_subcommand("clauses", "All clauses and the tests of each, or what a call answers");
  clauses->add_option("--programs", raw.run.lab.programs, "Folder of the test binaries");
  CLI::Option* call =
      clauses->add_option("--call", options.call, "Print what this call answers: KVM_RUN …");
  clauses->add_option("--kernel", options.kernel, "On this kernel: 6.12 …")->needs(call);
  clauses->add_option("--vm", options.vm, "On this type of VM: default, snp …")->needs(call);
  return clauses;
}

CLI::App* AddBuild(CLI::App& kernel, BuildOptions& options) {
  CLI::App* build = kernel.add_subcommand(
      "build", "Build a small one for tests, once; then: kct run --kernel built:CONFIG");
  build
      ->add_option("--source", options.source,
                   "debian:7.3 …, or the top of a tree: git's or any other")
      ->capture_default_str();
  build
      ->add_option("--config", options.config,
                   "Of sw-protected, debug, kcov, those wanted, with commas (kernels.md)")
      ->capture_default_str();
  build->add_option("--jobs", options.jobs, "Compilers at a time (default: a CPU, a job)")
      ->check(CLI::Range(1U, 1024U));
  build->add_option("--fragments", options.fragments,
                    "Folder of the configurations (default: kct's own)");
  return build;
}

CLI::App* AddJudge(CLI::App& app, JudgeOptions& options) {
  CLI::App* judge = app.add_subcommand(
      "judge", "Judge recorded histories with the model as it is now (judge.md)");
  judge->add_option("PATH", options.paths, "History files, or run folders such as kct-runs/latest");
  judge->add_option("--picture", options.picture,
                    "Draw the first contradiction there, FILE.html or FILE.svg (default: "
                    "contradiction.html beside each contradicted history)");
  judge->add_option("--plant", options.plant, "Plant this bug in the model first");
  judge->add_flag("--list-bugs", options.list_bugs, "List the bugs that can be planted");
  judge->footer(kExitStatusHelp);
  return judge;
}

CommandLine::CommandLine(CLI::App& app)
    : run(AddRun(app, raw)), prove(AddProve(app, raw)), exec(AddExec(app, raw, exec_options)) {
  run->footer(kExitStatusHelp);
  CLI::App* kernel = app.add_subcommand("kernel", "Kernels: Debian's, and such of one's own");
  kernel->require_subcommand(1);
  list = kernel->add_subcommand("list", "Those built here, and the newest of each series");
  list->add_flag("--all", all_kernels, "All that there are");
  get = kernel->add_subcommand("get", "Fetch one into the cache");
  get->add_option("SPEC", spec, "debian:7.3 …")->required();
  build = AddBuild(*kernel, build_options);
  clauses = AddClauses(app, raw, answers_options);
  drift = AddDrift(app, drift_options);
  judge = AddJudge(app, judge_options);
  CLI::App* session = app.add_subcommand("session", "Machines that stay up, for CTest");
  session->require_subcommand(1);
  session->add_option("--dir", session_folder, "Folder of the session (default: build/session)");
  start = session->add_subcommand("start", "Start a session in the background");
  AddLabOptions(*start, raw);
  run_one = session->add_subcommand("run", "Run one test; exit as it did, or 0 if known to fail");
  run_one->add_option("TEST", test, "SUITE.NAME")->required();
  stop = session->add_subcommand("stop", "End the session");
}

Exit Main(int argc, char** argv) {
  CLI::App app("KVM conformance tests: the userspace ABI of KVM's memory side, clause by clause");
  app.name("kct");
  app.set_version_flag("--version", std::string("kct ") + kVersion);
  app.require_subcommand(1);
  app.footer(kExitStatusHelp);
  CommandLine line(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return Exit{app.exit(error)};
    return Complain({Exit::kUsage, error.what()});
  }
  RawOptions& raw = line.raw;
  if (Status status = Check(raw); !status) return Complain({Exit::kUsage, status.error().message});
  if (line.run->parsed()) return RunTests(raw.run);
  if (line.prove->parsed()) {
    return raw.target == "model" ? ProveOnModel(raw.run) : Prove(raw.run);
  }
  if (line.exec->parsed()) return Exit{Execute(raw.run.lab, line.exec_options)};
  if (line.list->parsed()) {
    return ListKernels(line.all_kernels ? Kernels::kAll : Kernels::kNewestOfEachSeries);
  }
  if (line.get->parsed()) return GetKernel(line.spec);
  if (line.build->parsed()) return BuildKernel(line.build_options);
  if (line.drift->parsed()) return LookForDrift(line.drift_options);
  if (line.clauses->parsed()) {
    return line.answers_options.call.empty() ? ListClauses(raw.run.lab)
                                             : PrintAnswers(line.answers_options);
  }
  if (line.judge->parsed()) return JudgeHistories(line.judge_options);
  const SessionOptions session{line.session_folder, raw.run.lab, raw.run.selection.seed};
  if (line.start->parsed()) return StartSession(session);
  if (line.stop->parsed()) return StopSession(session);
  return Exit{RunInSession(session, line.test)};
}

}  // namespace
}  // namespace kct

int main(int argc, char** argv) { return static_cast<int>(kct::Main(argc, argv)); }
