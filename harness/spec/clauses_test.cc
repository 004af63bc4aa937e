// SPDX-License-Identifier: GPL-2.0-only
#include "harness/spec/clauses.h"

#include <gmock/gmock.h>

#include "harness/spec/clause_id.h"

namespace kct {
namespace {

static_assert(ClauseId("PREFAULT-36").text() == "PREFAULT-36");
static_assert(ClauseId("PREFAULT-36") != ClauseId("PREFAULT-37"));

TEST(Clauses, TheTableAndTheIdsNameTheSameClausesInTheSameOrder) {
  ASSERT_EQ(AllClauses().size(), kClauseIds.size());
  for (size_t i = 0; i < kClauseIds.size(); ++i) EXPECT_EQ(AllClauses()[i].id, kClauseIds[i]);
}

TEST(Clauses, AClauseIsFoundByItsId) {
  const Clause* clause = FindClause("PREFAULT-36");
  ASSERT_NE(clause, nullptr);
  EXPECT_EQ(clause->id, "PREFAULT-36");
  EXPECT_THAT(std::string(clause->claim), testing::HasSubstr("EAGAIN"));
  EXPECT_EQ(clause->standing, Standing::kImplemented);
}

TEST(Clauses, AnUnknownIdIsNotFound) {
  EXPECT_EQ(FindClause("PREFAULT-3"), nullptr);
  EXPECT_EQ(FindClause(""), nullptr);
}

TEST(Clauses, EachStandingHasANameThatLeadsBackToIt) {
  for (Standing standing :
       {Standing::kDocumented, Standing::kImplemented, Standing::kDisputed, Standing::kProposed}) {
    EXPECT_EQ(StandingByName(Name(standing)), standing);
  }
  EXPECT_EQ(StandingByName("rumoured"), std::nullopt);
}

}  // namespace
}  // namespace kct
