// SPDX-License-Identifier: GPL-2.0-only
// Source: one way in which host memory changes under a guest: how to set the scene, how to do it,
// and what the guest must see afterwards. A new one is a function and a row (sources_*.cc); all
// tests of this suite are about every row.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/testing/registry.h"

namespace kct {

class Place;

// What is behind the slot.
enum class Memory {
  kAnonymous,
  kSharedFile,   // a memfd, mapped MAP_SHARED
  kPrivateFile,  // a memfd, mapped MAP_PRIVATE
  kProgram,      // a memfd, mapped MAP_PRIVATE as a program is: nobody may write
  kDisk,         // a disk of zram, mapped MAP_SHARED
  kHugetlb,      // anonymous, of reserved huge pages
};

// The host's pages there.
enum class PageSize { k4K, k2M };

// What is there before.
enum class Before {
  kOldWords,   // the words of the round at the marks
  kUntouched,  // no page yet: zeros
};

// What the guest must see afterwards.
enum class After {
  kOldWords,
  kNewWords,
  kZeros,
  kOldWordsOrZeros,  // page by page
  kReadOnly,         // the old words; a write makes KVM_RUN fail with EFAULT
  kNothing,          // each access makes KVM_RUN fail with EFAULT
  kPoison,           // each access is a SIGBUS for the thread of the vCPU
};

// What an access may find that comes in the middle, besides what was there and what will be.
enum class Meanwhile {
  kNothingElse,
  kEfault,  // there is a moment without memory
  kZeros,   // a fault may bring in a fresh page before the source has closed the range
  // Half a word, for a fetch: the host stores the new ones where the guest executes the old.
  kHalfCode,
};

// Whether it calls the notifier.
enum class Notifies { kYes, kNo };

struct Source {
  std::string_view name;  // "madvise_dontneed"
  ClauseId clause;
  After after;
  int (*fire)(Place&);               // 0, or -1 and errno
  int (*prepare)(Place&) = nullptr;  // likewise; after the guest's memory has been made
  Memory memory = Memory::kAnonymous;
  Before before = Before::kOldWords;
  Meanwhile meanwhile = Meanwhile::kNothingElse;
  Notifies notifies = Notifies::kYes;
  // With this errno it may say, of a page that somebody holds just then, that it gives up.
  int gives_up = 0;
  // Rounds of a race in which it is to meet the other side; fewer for what takes its time.
  uint32_t meetings = 4;
  std::vector<PageSize> page_sizes = {PageSize::k4K, PageSize::k2M};
  std::vector<Need> needs = {};
};

// All of them, in the order of docs/spec/notifier.md.
const std::vector<Source>& AllSources();

std::vector<Source> SourcesThatTake();
std::vector<Source> SourcesThatProtect();
std::vector<Source> SourcesThatReplace();
std::vector<Source> SourcesThatMove();
std::vector<Source> SourcesOfFiles();
std::vector<Source> NoSources();

// A source on memory of one page size.
struct SourceCase {
  const Source* source;
  PageSize page_size;

  std::string Name() const;  // "madvise_dontneed_4k"
};

// Lists of cases, as a KCT_TEST_P wants them.
struct EverySource {
  using Item = SourceCase;
  static const std::vector<Item>& All();
  static TestSubject SubjectOf(const Item& item);
};
// Without those that don't call the notifier.
struct EveryNotifier : EverySource {
  static const std::vector<Item>& All();
};
// Of these, those that leave code at the marks.
struct EveryNotifierOfCode : EverySource {
  static const std::vector<Item>& All();
};

}  // namespace kct
