// SPDX-License-Identifier: GPL-2.0-only
// A contradiction as a picture: one lane for each thread of the host, vCPU and source of notifiers,
// time from left to right, windows in which calls overlapped shaded, the core marked with its
// clauses. Self-contained; any browser shows it, in its light or dark colours.
#pragma once

#include <string>

#include "harness/judge/judge.h"

namespace kct {

// REQUIRES (both): judgement.answer is kContradicted.
std::string SvgPicture(const Recording& recording, const Judgement& judgement);
// The same in a page, with the clauses in words and the text of Explain().
std::string HtmlPicture(const Recording& recording, const Judgement& judgement);

}  // namespace kct
