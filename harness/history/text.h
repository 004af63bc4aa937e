// SPDX-License-Identifier: GPL-2.0-only
// Histories as text: what a run leaves in its folder, for people and for the judge.
//
//   kct-history 1
//   test PrefaultRaces.WithDeleteMapsSomethingOrSaysWhy
//   kernel 7.3.4+deb13-cloud-amd64
//   seed 0x5eed
//   vm
//   rules tdp prefault readonly-slots guest-memfd attributes=0x0 slot-ids=0x7ffc spaces=0x2 …
//   lane main
//   lane prefault
//   lane delete
//   @0..4100 main SET_USER_MEMORY_REGION slot=0x1 gpa=0x100000000 size=0x2000 hva=0x7f0000000000 ->
//   0
//   @5210..9044 prefault PRE_FAULT_MEMORY vcpu=0x0 gpa=0x100000000 size=0x2000 -> EAGAIN
//    seen @7000 reading
//   @6100..… delete SET_USER_MEMORY_REGION slot=0x1 gpa=0x100000000 size=0x0 hva=0x7f0000000000
//   note ioctl 0xae60 of the VM: the model has no word for it
//   truncated
//
// A call a line: when it began and when it returned (… if it did not), in ticks of the TSC since
// the first of them; who made it; what; what came back. What is 0 by default and is so is left
// out, as is what a prefault writes back where that follows from its answer. Line by line the
// format is described in docs/design/history.md.
//
// Reading and writing are inverse: Write(Parse(text)) is `text` for all that Write can produce,
// and Parse(Write(recordings)) are the recordings, with sightings in order of time, and without
// what an operation has no use for.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/history/recording.h"

namespace kct {

// One file for the VMs of one test; empty if there are none. REQUIRES: all are of the same test,
// kernel and seed; the lanes of a VM have different names.
std::string WriteHistory(std::span<const Recording> recordings);

// `name` is the file's, for the error: "history.txt:12: 'PRE_FAULT': expected an operation:
// PRE_FAULT_MEMORY, …". An empty text is no history.
Result<std::vector<Recording>> ParseHistory(std::string_view text, std::string_view name);

// A call as in a line of the file, from the operation on: for reports and pictures.
std::string CallText(const RecordedCall& call);

}  // namespace kct
