// SPDX-License-Identifier: GPL-2.0-only
// Single instructions for guest code: exactly one access each, never merged, split or dropped by
// the compiler, in forms that KVM's instruction emulator knows (it meets them on MMIO).
#pragma once

#include <cstdint>

namespace kct::guest {

template <typename T>
inline T ReadOnce(uint64_t gpa) {
  T value;
  asm volatile("mov %1, %0" : "=r"(value) : "m"(*reinterpret_cast<const T*>(gpa)) : "memory");
  return value;
}

template <typename T>
inline void WriteOnce(uint64_t gpa, T value) {
  asm volatile("mov %1, %0" : "=m"(*reinterpret_cast<T*>(gpa)) : "r"(value) : "memory");
}

// The value found; the swap took place if it equals `old`.
inline uint64_t CompareAndSwap(uint64_t gpa, uint64_t old, uint64_t desired) {
  asm volatile("lock cmpxchg %2, %1"
               : "+a"(old), "+m"(*reinterpret_cast<uint64_t*>(gpa))
               : "r"(desired)
               : "memory", "cc");
  return old;
}

// The value before the addition.
inline uint64_t FetchAdd(uint64_t gpa, uint64_t addend) {
  asm volatile("lock xadd %0, %1"
               : "+r"(addend), "+m"(*reinterpret_cast<uint64_t*>(gpa))::"memory", "cc");
  return addend;
}

inline void Pause() { asm volatile("pause"); }

// Everybody sees what was written before.
inline void CompleteWrites() { asm volatile("mfence" ::: "memory"); }

inline uint64_t ReadTsc() {
  uint32_t low, high;
  asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)::"memory");
  return static_cast<uint64_t>(high) << 32 | low;
}

inline void Out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" ::"a"(value), "d"(port) : "memory");
}
inline void Out16(uint16_t port, uint16_t value) {
  asm volatile("outw %0, %1" ::"a"(value), "d"(port) : "memory");
}
inline void Out32(uint16_t port, uint32_t value) {
  asm volatile("outl %0, %1" ::"a"(value), "d"(port) : "memory");
}
inline uint8_t In8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "d"(port) : "memory");
  return value;
}
inline uint16_t In16(uint16_t port) {
  uint16_t value;
  asm volatile("inw %1, %0" : "=a"(value) : "d"(port) : "memory");
  return value;
}
inline uint32_t In32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "d"(port) : "memory");
  return value;
}

// REP string instructions: `count` elements of `width` bytes.
inline void MoveString(uint64_t target, uint64_t source, uint64_t count, uint32_t width) {
  if (width == 1) asm volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(count)::"memory");
  if (width == 2) asm volatile("rep movsw" : "+D"(target), "+S"(source), "+c"(count)::"memory");
  if (width == 4) asm volatile("rep movsl" : "+D"(target), "+S"(source), "+c"(count)::"memory");
  if (width == 8) asm volatile("rep movsq" : "+D"(target), "+S"(source), "+c"(count)::"memory");
}

inline void OutString(uint16_t port, uint64_t source, uint64_t count, uint32_t width) {
  if (width == 1) asm volatile("rep outsb" : "+S"(source), "+c"(count) : "d"(port) : "memory");
  if (width == 2) asm volatile("rep outsw" : "+S"(source), "+c"(count) : "d"(port) : "memory");
  if (width == 4) asm volatile("rep outsl" : "+S"(source), "+c"(count) : "d"(port) : "memory");
}

inline void InString(uint16_t port, uint64_t target, uint64_t count, uint32_t width) {
  if (width == 1) asm volatile("rep insb" : "+D"(target), "+c"(count) : "d"(port) : "memory");
  if (width == 2) asm volatile("rep insw" : "+D"(target), "+c"(count) : "d"(port) : "memory");
  if (width == 4) asm volatile("rep insl" : "+D"(target), "+c"(count) : "d"(port) : "memory");
}

}  // namespace kct::guest
