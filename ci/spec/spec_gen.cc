// SPDX-License-Identifier: GPL-2.0-only
// spec_gen: turns the pages of docs/spec into the two files that harness/spec is built from.
//
//   spec_gen --table clause_table.inc --ids clause_ids.h docs/spec/prefault.md docs/spec/memslot.md
#include <CLI/CLI.hpp>
#include <iterator>

#include "ci/spec/files.h"
#include "ci/spec/page.h"

namespace kct {
namespace {

struct Options {
  std::vector<std::string> pages;
  std::string table;
  std::string ids;
};

Status Generate(const Options& options) {
  std::vector<PageClause> clauses;
  for (const std::string& page : options.pages) {
    KCT_TRY(const std::string text, ReadFile(page));
    KCT_TRY(std::vector<PageClause> found, ParsePage(page, text));
    std::ranges::move(found, std::back_inserter(clauses));
  }
  KCT_TRY_STATUS(CheckIdsAreUnique(clauses));
  KCT_TRY_STATUS(WriteFileIfChanged(options.table, RenderTable(clauses)));
  return WriteFileIfChanged(options.ids, RenderIds(clauses));
}

}  // namespace
}  // namespace kct

int main(int argc, char** argv) {
  CLI::App app("Generates the clause table from the pages of docs/spec");
  kct::Options options;
  app.add_option("--table", options.table, "Rows of the table, for harness/spec/clauses.cc")
      ->required();
  app.add_option("--ids", options.ids, "Header with the ids; keeps its time if they are the same")
      ->required();
  app.add_option("pages", options.pages, "Pages of docs/spec, in the order of the table")
      ->required();
  CLI11_PARSE(app, argc, argv);
  if (const kct::Status status = kct::Generate(options); !status) {
    fmt::print(stderr, "{}\n", status.error().message);
    return 1;
  }
  return 0;
}
