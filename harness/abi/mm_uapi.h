// SPDX-License-Identifier: GPL-2.0-only
// The kernel's words for memory that headers older than 7.3 lack.
#pragma once

#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_GUARD_REMOVE
#define MADV_GUARD_REMOVE 103
#endif
static_assert(MADV_COLLAPSE == 25 && MADV_SOFT_OFFLINE == 101);
static_assert(MADV_GUARD_INSTALL == 102 && MADV_GUARD_REMOVE == 103);
