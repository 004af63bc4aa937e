// SPDX-License-Identifier: GPL-2.0-only
// fmt, compiled once. Debian ships it as a shared library, which static programs can't use; as
// headers only, every file that formats a number would compile all of it again.
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto thousands_sep_impl<char>(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
}  // namespace detail
FMT_END_NAMESPACE
