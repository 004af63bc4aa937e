// SPDX-License-Identifier: GPL-2.0-only
// C sources of the kernel, read as text: where something is defined, and which errnos it names.
// No preprocessor and no types: docs/design/drift.md says what that misses.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kct {

// The text with comments and the insides of literals as blanks; lines keep their numbers.
std::string BlankComments(std::string_view source);

// `source` is without comments here and below. Functions, macros, objects, types, enumerators.
bool Defines(std::string_view source, std::string_view name);

// The bodies of the functions of this name; several where #ifdef has a say.
std::vector<std::string> BodiesOf(std::string_view source, std::string_view function);

// Of a body that switches on ioctl numbers: what is before and behind that switch, and the case of
// this ioctl. Any other body comes back whole.
std::string OnlyCase(std::string_view body, std::string_view ioctl);

// "EINVAL" for each -EINVAL that is not only compared with.
std::set<std::string> ErrnosIn(std::string_view body);

// The errnos that a text names, with or without a sign.
std::set<std::string> ErrnosNamedBy(std::string_view text);

}  // namespace kct
