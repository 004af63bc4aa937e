// SPDX-License-Identifier: GPL-2.0-only
// Proposed: conversion in place, of pages of a guest_memfd that guest and host both know.
#include "harness/abi/proposed.h"
#include "harness/model/scenario/calls.h"

namespace kct::model {
namespace {

// A VM with a slot whose file the host has mapped. All its pages are shared.
void MakeInPlace(World& world) {
  world.rules().in_place_conversion = true;
  world.rules().vm_type = VmType::kSoftwareProtected;
  world.rules().supported_attributes = kPrivate;
  world.Expect("GMEM-05", CreateFile(8, kSharedFile), kDone);
  world.Expect("MEMSLOT-01", AddFileSlot(1, kGpa, 8, 0), kDone);
  world.EnterGuest(0);
}

// Released kernels have no such ioctl.
KCT_SCENARIO(InPlaceIsAbsent, "CONV-01") {
  world.Expect("GMEM-05", CreateFile(8, 0), kDone);
  world.Expect("CONV-01", ConvertFile(0, 1, 0, 0), "-1 ENOTTY");
}

// Bad arguments change nothing.
KCT_SCENARIO(InPlaceRefusesBadArguments, "CONV-04") {
  MakeInPlace(world);
  const Operation good = ConvertFile(0, 1, kPrivate, kConvertPreserves);
  world.Expect("CONV-04", WithFlags(good, kConvertZeroes | kConvertPreserves), kInvalid);
  world.Expect("CONV-04", WithValue(good, kPrivate << 1), kInvalid);
  world.Expect("CONV-04", WithSize(good, 0), kInvalid);
  world.Expect("CONV-04", WithSize(good, 8), kInvalid);
  world.Expect("CONV-04", WithAddress(good, 8), kInvalid);
  world.Expect("CONV-04", WithAddress(good, 8 * kPage), kInvalid);
  world.Expect("CONV-04", WithAddress(good, ~uint64_t{0} - kPage + 1), kInvalid);
  world.Expect("CONV-04", FileWrite(0, 0, 5), kDone);
}

// The host has a page while it is shared, and the contents go with it if that was asked for.
KCT_SCENARIO(InPlaceKeepsContents, "CONV-04") {
  MakeInPlace(world);
  world.Expect("CONV-04", FileWrite(0, 0, 5), kDone);
  world.Expect("CONV-04", ConvertFile(0, 2, kPrivate, kConvertPreserves), kDone);
  world.Expect("CONV-04", Read(0, kGpa), "0, word 0x5");
  world.Expect("CONV-04", FileRead(0, 0), "-1 EFAULT");
  world.Expect("CONV-04", FileRead(0, 2 * kPage), "0, word 0x0");
  world.Expect("CONV-04", Write(0, kGpa, 7), kWritten);
  world.Expect("CONV-04", ConvertFile(0, 2, 0, kConvertPreserves), kDone);
  world.Expect("CONV-04", FileRead(0, 0), "0, word 0x7");
}

KCT_SCENARIO(InPlaceZeroesContents, "CONV-04") {
  MakeInPlace(world);
  world.Expect("CONV-04", ConvertFile(0, 1, kPrivate, kConvertPreserves), kDone);
  world.Expect("CONV-04", Write(0, kGpa, 7), kWritten);
  world.Expect("CONV-04", ConvertFile(0, 1, 0, kConvertZeroes), kDone);
  world.Expect("CONV-04", FileRead(0, 0), "0, word 0x0");
  world.Expect("CONV-04", Read(0, kGpa), "0, word 0x0");
}

// Without either nobody knows what is there.
KCT_SCENARIO(InPlaceMayLoseContents, "CONV-04") {
  MakeInPlace(world);
  world.Expect("CONV-04", FileWrite(0, 0, 5), kDone);
  world.Expect("CONV-04", ConvertFile(0, 1, kPrivate, 0), kDone);
  world.Expect("CONV-04", Read(0, kGpa), "0, word 0xdead");
  world.Expect("CONV-04", FileRead(0, 0), "-1 EFAULT");
}

// Whoever holds a page keeps it, and the caller learns which one it is.
KCT_SCENARIO(InPlaceWaitsForHolders, "CONV-05", "CONV-06") {
  MakeInPlace(world);
  world.Expect("CONV-05", FileWrite(0, kPage, 5), kDone);
  world.Expect("CONV-05", HoldFile(2), kDone);
  world.Expect("CONV-05", ConvertFile(1, 3, kPrivate, kConvertPreserves), "-1 EAGAIN for 0x2000");
  world.Expect("CONV-06", FileRead(0, kPage), "0, word 0x5");
  world.Expect("CONV-05", LetGoOfFile(2), kDone);
  world.Expect("CONV-05", ConvertFile(1, 3, kPrivate, kConvertPreserves), kDone);
  world.Expect("CONV-05", FileRead(0, kPage), "-1 EFAULT");
  // The host's users of a page that it has not got don't count.
  world.Expect("CONV-05", HoldFile(2), kDone);
  world.Expect("CONV-05", ConvertFile(1, 3, 0, kConvertPreserves), kDone);
}

// A conversion that finds no memory has not begun.
KCT_SCENARIO(InPlaceFailsBeforeItBegins, "CONV-06", "CONV-08") {
  MakeInPlace(world);
  const Operation convert = MayFault(ConvertFile(0, 2, kPrivate, kConvertPreserves));
  world.Expect("CONV-06", FileWrite(0, 0, 5), kDone);
  world.ExpectAnyOf("CONV-08", convert, {kDone, "-1 ENOMEM"});
  world.Choose("CONV-08", convert, "-1 ENOMEM");
  world.Expect("CONV-06", FileRead(0, 0), "0, word 0x5");
}

// A TD goes on using a page that could not be taken from it: it need not accept it again.
KCT_SCENARIO(InPlaceFailureLeavesATdItsPage, "CONV-07", "CONV-08") {
  world.rules().in_place_conversion = true;
  MakeTd(world);
  FinishTd(world);
  world.EnterGuest(0);
  world.Expect("CONV-07", Accept(0, kGpa, kPage), kDone);
  world.Expect("CONV-07", PrivateWrite(0, kGpa, 7), kWritten);
  world.Choose("CONV-08", MayFault(ConvertFile(0, 1, 0, kConvertZeroes)), "-1 ENOMEM");
  world.Expect("CONV-08", PrivateRead(0, kGpa), "0, word 0x7");
  world.Expect("CONV-07", ConvertFile(0, 1, 0, kConvertZeroes), kDone);
}

// A fault that meets a conversion maps the page as it is afterwards, or says what it took it for.
KCT_SCENARIO(InPlaceMeetsAFault, "CONV-04", "RUN-26") {
  MakeInPlace(world);
  world.Expect("CONV-04", FileWrite(0, 0, 5), kDone);
  world.ExpectRace(
      "CONV-04", {ConvertFile(0, 1, kPrivate, kConvertPreserves), Read(0, kGpa)}, Read(0, kGpa),
      {"0 / 0, word 0x5 / 0, word 0x5", "0 / -1 EFAULT with memory fault / 0, word 0x5"});
}

}  // namespace
}  // namespace kct::model
