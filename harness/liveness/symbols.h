// SPDX-License-Identifier: GPL-2.0-only
// Symbols: function names for addresses of this program, from its own symbol table. Works in
// static programs, where the C library's backtrace_symbols has nothing to say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kct {

class Symbols {
 public:
  // Reads /proc/self/exe. Without a symbol table every name is the bare address.
  static Symbols OfThisProgram();

  // "kct::Memslot::Delete()+0x12", or "0x401234".
  std::string NameOf(const void* address) const;

 private:
  struct Function {
    uint64_t start;
    uint64_t size;
    std::string name;
  };
  std::vector<Function> functions_;  // by start
  uint64_t load_bias_ = 0;
};

}  // namespace kct
