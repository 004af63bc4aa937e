// SPDX-License-Identifier: GPL-2.0-only
// System calls on guest_memfd files and on mappings of them. Each file is a memfd: what a kernel
// does to any file is left to this one; what is a guest_memfd's own is the model's, or said here.
#pragma once

#include <optional>

#include "harness/abi/files.h"
#include "harness/imitation/stay.h"

namespace kct::imitation {

// The page of a guest_memfd that is mapped at an address of this process.
struct MappedPage {
  Handle file;
  uint64_t page = 0;
};
std::optional<MappedPage> MappedAt(World& world, Hva address);

// Gives the file a page that it does not have. False: there is no memory.
bool AllocatePage(int fd, uint64_t offset);
// The pages of a range that the file has.
int64_t CountPages(int fd, FileRange range);

// They return and set errno as the system calls do.
int AllocateOrPunch(Stay& stay, const Handle& file, int mode, FileRange range);
void* MapGuestMemfd(Stay& stay, const Handle& file, Bytes size, int protection, int flags);
int ActOnGuestMemfd(Stay& stay, const Handle& file, FileAction action);
// madvise(2) of a range that begins with `first`.
int AdviseMapping(Stay& stay, const MappedPage& first, Hva start, Bytes size, int advice);

// Proposed: what the host sees of the range is what it may see now.
void ShowPages(const Handle& file, FileRange range);
// Somebody holds pages for as long as the descriptor is open.
void HoldPages(Stay& stay, const MappedPage& first, Bytes size, int fd);
void LetGoOfPages(Stay& stay, const Handle& pins);

// The last descriptor of a file was closed: it goes now, or with its last mapping.
void CloseOrKeep(Stay& stay, const Handle& file);
// Something was unmapped: files that only mappings kept go with them.
void CloseUnmapped(Stay& stay);

}  // namespace kct::imitation
