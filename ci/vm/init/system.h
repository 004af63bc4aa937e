// SPDX-License-Identifier: GPL-2.0-only
// What a fresh kernel needs before a program can run on it.
#pragma once

#include "harness/base/result.h"
#include "harness/base/unique_fd.h"

namespace kct {

// Mounts the file systems that tests use. Those the kernel was built without are left out.
void MountAll();

// Sends every kernel message to the console, and has hung tasks reported after 30 s.
void MakeTheKernelTalk();

// Keeps NUMA balancing from taking pages away to see who uses them: it leaves alone what has a
// policy, and from here on every program has the one by which memory is handed out anyway. A test
// that wants to be scanned drops it, and does not wait long.
void KeepMemoryFromScans();

// An empty KVM VM.
//
// PID 1 keeps one open all the time: creating the first and closing the last VM of a system
// patches a static key into the scheduler, and QEMU's multi-threaded emulation up to version 7.2
// now and then lets another CPU see half of such a patch (an int3 in nowhere).
Result<UniqueFd> HoldVm();

// Starts the CPUs that the kernel was told to leave alone (maxcpus=1).
//
// Comes last: what boot, modules and the first VM patch into the code is then patched while there
// is nobody else to see half of it.
Status StartOtherCpus();

// The kernel's log as a stream of records, from now on.
Result<UniqueFd> OpenKernelLog();

}  // namespace kct
