// SPDX-License-Identifier: GPL-2.0-only
#include "harness/liveness/symbols.h"

#include <cxxabi.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace kct {
namespace {

std::string Demangle(const char* name) {
  int status = 0;
  char* plain = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string text = status == 0 ? plain : name;
  std::free(plain);
  return text;
}

// How far the program was moved from the addresses in its file (0 unless position independent).
uint64_t LoadBias() {
  uint64_t bias = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        *static_cast<uint64_t*>(out) = info->dlpi_addr;
        return 1;  // the first is the program itself
      },
      &bias);
  return bias;
}

}  // namespace

Symbols Symbols::OfThisProgram() {
  Symbols symbols;
  symbols.load_bias_ = LoadBias();
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string image{std::istreambuf_iterator<char>(file), {}};
  if (image.size() < sizeof(Elf64_Ehdr)) return symbols;
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(image.data());
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(image.data() + header->e_shoff);
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const char* names = image.data() + sections[sections[i].sh_link].sh_offset;
    const auto* table = reinterpret_cast<const Elf64_Sym*>(image.data() + sections[i].sh_offset);
    for (uint64_t n = 0; n < sections[i].sh_size / sizeof(Elf64_Sym); ++n) {
      if (ELF64_ST_TYPE(table[n].st_info) != STT_FUNC || table[n].st_size == 0) continue;
      symbols.functions_.push_back({table[n].st_value, table[n].st_size, names + table[n].st_name});
    }
  }
  std::sort(symbols.functions_.begin(), symbols.functions_.end(),
            [](const Function& a, const Function& b) { return a.start < b.start; });
  return symbols;
}

std::string Symbols::NameOf(const void* address) const {
  const uint64_t value = reinterpret_cast<uint64_t>(address) - load_bias_;
  auto after = std::upper_bound(
      functions_.begin(), functions_.end(), value,
      [](uint64_t wanted, const Function& function) { return wanted < function.start; });
  if (after == functions_.begin()) return fmt::format("{}", address);
  const Function& function = *std::prev(after);
  if (value >= function.start + function.size) return fmt::format("{}", address);
  return fmt::format("{}+{:#x}", Demangle(function.name.c_str()), value - function.start);
}

}  // namespace kct
