// SPDX-License-Identifier: GPL-2.0-only
// Clauses against tests and the model: who shows and decides what, and what nobody does.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ci/spec/model_scan.h"
#include "harness/base/result.h"
#include "harness/spec/clause.h"

namespace kct {

// What a test binary says about one of its tests (--list-json, docs/design/protocol.md).
struct ListedTest {
  std::string name;  // "PrefaultArguments.RejectsEveryFlag"
  std::string file;  // "tests/prefault/arguments_test.cc"
  std::vector<std::string> clauses;
};

// `name` is what errors call the list: "NAME: what is wrong".
Result<std::vector<ListedTest>> ParseTestList(std::string_view name, std::string_view json);

// One line for each clause that has neither a test nor a reason why not, or both; for each test
// that names no clause, or one that does not exist. Empty: all is well.
std::vector<std::string> FindGaps(std::span<const Clause> clauses,
                                  std::span<const ListedTest> tests);

// One line for each clause that says why no part of the model decides it although one does; for
// each part that names a clause that does not exist.
std::vector<std::string> FindModelGaps(std::span<const Clause> clauses,
                                       std::span<const ModelPart> model);

// One line for each clause without Doc, and for each that no part of the model decides and that
// does not say why.
std::vector<std::string> FindOmissions(std::span<const Clause> clauses,
                                       std::span<const ModelPart> model);

// The text of docs/spec/index.md.
std::string RenderIndex(std::span<const Clause> clauses, std::span<const ListedTest> tests,
                        std::span<const ModelPart> model);

}  // namespace kct
