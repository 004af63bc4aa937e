// SPDX-License-Identifier: GPL-2.0-only
// What the host and the guest payloads agree on: where things are, ports, operations, results.
//
// Included by host code, guest code and assembly, and the only place for these numbers. A payload
// reports facts into its mailbox; the host judges them.
//
// Guest physical and guest virtual addresses are the same below kUpperHalf: the host writes
// identity page tables.
// [1 MiB, 2 MiB) is one memslot and belongs to the interpreter; below 16 MiB is kept for payloads.
#pragma once

// ------- What assembly needs too -----------------------------------------------------------------

#define GUEST_TABLES_GPA 0x100000  // GDT, IDT, page tables (all written by the host)
#define GUEST_IMAGE_GPA 0x140000   // the interpreter; its first byte is its entry
#define GUEST_CPUS_GPA 0x180000    // an area for each vCPU
#define GUEST_END_GPA 0x200000

#define GUEST_STUBS_OFFSET 0x100  // in the image: exception stubs, one for each vector
#define GUEST_STUB_SIZE 16
#define GUEST_VECTORS 32

// Offsets in a mailbox, whose address is the GS base.
#define GUEST_RECOVERY_RSP 0x00
#define GUEST_FAULT_VECTOR 0x08
#define GUEST_FAULT_ERROR 0x10
#define GUEST_FAULT_CR2 0x18
#define GUEST_FAULT_RIP 0x20

#define GUEST_DONE_PORT 0xc00   // OUT of 32 bits: the program has ended; the value is the vCPU's id
#define GUEST_PANIC_PORT 0xc04  // OUT of 32 bits: an exception outside an operation; its vector

// The 16-bit payload: one memslot [0, 64 KiB).
#define GUEST16_IMAGE_GPA 0x1000
#define GUEST16_OPS_GPA 0x2000
#define GUEST16_STACK_TOP 0x8000
#define GUEST16_END_GPA 0x10000

#define GUEST16_END 0  // codes of Op16
#define GUEST16_READ 10
#define GUEST16_WRITE 20
#define GUEST16_OP_SIZE 8

#ifndef __ASSEMBLER__

#include <cstddef>
#include <cstdint>

namespace kct::guest {

// ------- Memory map ------------------------------------------------------------------------------

inline constexpr uint64_t kTablesGpa = GUEST_TABLES_GPA;
inline constexpr uint64_t kImageGpa = GUEST_IMAGE_GPA;
inline constexpr uint64_t kImageSize = GUEST_CPUS_GPA - GUEST_IMAGE_GPA;
inline constexpr uint64_t kEndGpa = GUEST_END_GPA;
inline constexpr uint64_t kPageSize = 4096;

// Addresses from here on are no guest physical ones: they are translated by page tables that a test
// has written, if it has.
inline constexpr uint64_t kUpperHalf = 0xffff800000000000;

inline constexpr int kMaxCpus = 8;
inline constexpr uint64_t kMaxOps = 256;
inline constexpr uint64_t kCpuAreaSize = 64 << 10;

inline constexpr uint16_t kDonePort = GUEST_DONE_PORT;
inline constexpr uint16_t kPanicPort = GUEST_PANIC_PORT;

// ------- Operations ------------------------------------------------------------------------------

// The numbers are stable, and spaced so that new ones find a place beside their kin: a program
// that was recorded must mean the same for ever.
//
//                      gpa          value         size      width     args
enum class OpCode : uint32_t {
  kRead = 100,        // address     -             -         1 2 4 8   -
  kWrite = 110,       // address     to write      -         1 2 4 8   -
  kTouch = 120,       // first page  -             bytes     8         -        reads a word a page
  kWriteTouch = 130,  // first page  to write      bytes     8         -        writes one
  kFill = 140,        // start       to write      bytes     8         -        every word
  kChecksum = 150,    // start       -             bytes     8         -        of every word
  kSwap = 160,        // address     new           -         8         old      compare-and-swap
  kAdd = 170,         // address     to add        -         8         -        atomic
  kMove = 180,        // target      -             bytes     1 2 4 8   source   REP MOVS
  kExecute = 200,     // function    -             -         -         -        value: its EAX
  kPlant = 210,       // address     to return     -         -         -        writes a function
  kSpinUntil = 300,   // address     waited for    -         1 2 4 8   -
  kSpinUntilFlag = 310,  // -        -             -         -         -        the host's flag
  kStamp = 320,          // -           -             -         -         -        value: the TSC
  kRepeat = 330,         // -           times, or 0   -         -         ops to go back
  kHypercall = 400,      // -           number        -         -         four arguments
  kOut = 410,            // -           to write      -         1 2 4     port
  kIn = 420,             // -           -             -         1 2 4     port
  kOutString = 430,      // source      -             bytes     1 2 4     port     REP OUTS
  kInString = 440,       // target      -             bytes     1 2 4     port     REP INS
  kHalt = 450,           // -           -             -         -         -
  kInvalidate = 500,     // address     -             -         -         -        INVLPG
  kReloadCr3 = 510,      // -           -             -         -         -
};

// Whether values that are read are compared with Op::expected.
enum class Expect : uint32_t { kAnything = 0, kOneOf = 1 };

struct Op {
  OpCode code;
  uint32_t width;  // bytes an access
  uint64_t gpa;
  uint64_t value;
  uint64_t size;
  uint64_t args[4];
  Expect expect;  // of kRead, kTouch, kExecute, kSwap and kAdd
  uint32_t reserved;
  uint64_t expected[2];  // either is as good as the other
};
static_assert(sizeof(Op) == 88 && offsetof(Op, args) == 32 && offsetof(Op, expected) == 72);

// ------- Results ---------------------------------------------------------------------------------

enum class OpStatus : uint32_t {
  kNotRun = 0,
  kOk = 1,
  kFault = 2,      // an exception; it stays so, whatever later rounds of a loop do
  kStopped = 3,    // a wait that the host's flag ended
  kUnknownOp = 4,  // or a width it does not have
};

// One for each operation of the program, at the same index. In loops it sums up all rounds.
struct OpResult {
  OpStatus status;
  uint32_t vector;          // of the first exception
  uint64_t runs;            // how often the operation ended, with an exception or without
  uint64_t value;           // the last one read, returned, found (kSwap, kAdd: before the change)
  uint64_t count;           // accesses made: pages, words, looks; kSwap: swaps that took place
  uint64_t begin;           // TSC before the first run
  uint64_t end;             // TSC after the last run
  uint64_t unexpected;      // how many values were none of Op::expected
  uint64_t unexpected_gpa;  // of the first of them
  uint64_t unexpected_value;
  uint64_t error_code;  // of the first exception, as are the next two
  uint64_t cr2;
  uint64_t rip;
};
static_assert(sizeof(OpResult) == 96 && offsetof(OpResult, unexpected) == 48);

// ------- Mailbox: what host and guest share for each vCPU ----------------------------------------

struct Fault {
  uint64_t vector;
  uint64_t error_code;
  uint64_t cr2;
  uint64_t rip;
};

struct Mailbox {
  uint64_t recovery_rsp;  // of the operation that runs; 0: an exception is a panic
  Fault fault;            // the last exception
  uint64_t self;          // address of this mailbox
  uint64_t cpu;           // id of the vCPU
  uint64_t op_count;
  alignas(64) volatile uint64_t flag;      // the host's: not 0 ends waits and endless loops
  alignas(64) volatile uint64_t progress;  // the guest's: grows with every operation and every look
};
static_assert(offsetof(Mailbox, recovery_rsp) == GUEST_RECOVERY_RSP);
static_assert(offsetof(Mailbox, fault.vector) == GUEST_FAULT_VECTOR);
static_assert(offsetof(Mailbox, fault.error_code) == GUEST_FAULT_ERROR);
static_assert(offsetof(Mailbox, fault.cr2) == GUEST_FAULT_CR2);
static_assert(offsetof(Mailbox, fault.rip) == GUEST_FAULT_RIP);

struct CpuArea {
  alignas(kPageSize) Mailbox mailbox;
  alignas(kPageSize) Op ops[kMaxOps];
  alignas(kPageSize) OpResult results[kMaxOps];
  alignas(kPageSize) unsigned char rest[8 << 10];  // the stack grows down from the area's end
};
static_assert(sizeof(CpuArea) <= kCpuAreaSize);
static_assert(GUEST_CPUS_GPA + kMaxCpus * kCpuAreaSize == GUEST_END_GPA);

constexpr uint64_t CpuAreaGpa(int cpu) {
  return GUEST_CPUS_GPA + static_cast<uint64_t>(cpu) * kCpuAreaSize;
}
constexpr uint64_t StackTopGpa(int cpu) { return CpuAreaGpa(cpu) + kCpuAreaSize; }

// ------- The 16-bit payload ----------------------------------------------------------------------

// The list at GUEST16_OPS_GPA; what was read takes the place of `value`.
struct Op16 {
  uint16_t code;
  uint16_t segment;
  uint16_t offset;
  uint16_t value;
};
static_assert(sizeof(Op16) == GUEST16_OP_SIZE);

// ------- Computed alike on both sides ------------------------------------------------------------

// The checksum of words w1, w2, … is ChecksumStep(… ChecksumStep(0, w1) …). Order matters.
constexpr uint64_t ChecksumStep(uint64_t sum, uint64_t word) {
  return ((sum << 7 | sum >> 57) ^ word) * 0x9e3779b97f4a7c15;
}

// Code of a function that returns `value`: mov eax, imm32; ret; int3; int3. One aligned store
// replaces it whole.
constexpr uint64_t FunctionReturning(uint32_t value) {
  return 0xccccc300000000b8 | static_cast<uint64_t>(value) << 8;
}
static_assert(FunctionReturning(0x11223344) == 0xccccc311223344b8);

}  // namespace kct::guest

#endif  // __ASSEMBLER__
