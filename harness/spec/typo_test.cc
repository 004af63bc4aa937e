// SPDX-License-Identifier: GPL-2.0-only
// Must not compile: shows that a wrong clause id is a compile error that says what is wrong.
#include "harness/spec/clause_id.h"

constexpr kct::ClauseId kTypo = "PREFAULT-360";
