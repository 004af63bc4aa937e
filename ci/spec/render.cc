// SPDX-License-Identifier: GPL-2.0-only
#include "ci/spec/page.h"

namespace kct {
namespace {

std::string Literal(std::string_view text) {
  std::string literal = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') literal += '\\';
    literal += c;
  }
  return literal + '"';
}

std::string_view Enumerator(Standing standing) {
  switch (standing) {
    case Standing::kDocumented:
      return "Standing::kDocumented";
    case Standing::kImplemented:
      return "Standing::kImplemented";
    case Standing::kDisputed:
      return "Standing::kDisputed";
    case Standing::kProposed:
      return "Standing::kProposed";
  }
  Die(__FILE__, __LINE__, "standing", "not one of the enumeration");
}

}  // namespace

std::string RenderTable(std::span<const PageClause> clauses) {
  std::string text = "// Generated from docs/spec.\n";
  for (const PageClause& clause : clauses) {
    text += fmt::format("{{.id = {},\n .title = {},\n .claim = {},\n .standing = {},\n",
                        Literal(clause.id), Literal(clause.title), Literal(clause.claim),
                        Enumerator(clause.standing));
    text += fmt::format(" .source = {},\n .kernels = {},\n .needs = {},\n .untested = {},\n",
                        Literal(clause.source), Literal(clause.kernels), Literal(clause.needs),
                        Literal(clause.untested));
    text += fmt::format(" .page = {},\n .doc = {},\n .answer = {},\n .unmodelled = {}}},\n",
                        Literal(clause.page), Literal(clause.doc), Literal(clause.answer),
                        Literal(clause.unmodelled));
  }
  return text;
}

std::string RenderIds(std::span<const PageClause> clauses) {
  std::string text =
      "// Generated from docs/spec.\n"
      "#pragma once\n\n"
      "#include <array>\n"
      "#include <string_view>\n\n"
      "namespace kct {\n\n";
  text += fmt::format("inline constexpr std::array<std::string_view, {}> kClauseIds{{\n",
                      clauses.size());
  for (const PageClause& clause : clauses) text += fmt::format("    {},\n", Literal(clause.id));
  return text + "};\n\n}  // namespace kct\n";
}

}  // namespace kct
