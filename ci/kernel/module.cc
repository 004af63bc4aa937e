// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kernel/module.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace kct {
namespace {

using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;

constexpr size_t kReadSize = 64 << 10;

// The object of type T at `offset`; nothing where it does not fit.
template <typename T>
std::optional<T> At(std::string_view bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T object;
  std::memcpy(&object, bytes.data() + offset, sizeof(T));
  return object;
}

std::optional<std::string_view> BytesOf(std::string_view elf, const Elf64_Shdr& section) {
  if (section.sh_offset > elf.size() || section.sh_size > elf.size() - section.sh_offset) {
    return std::nullopt;
  }
  return elf.substr(section.sh_offset, section.sh_size);
}

std::optional<std::string_view> FindSection(std::string_view elf, std::string_view name) {
  const auto header = At<Elf64_Ehdr>(elf, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_shentsize != sizeof(Elf64_Shdr)) {
    return std::nullopt;
  }
  const auto section_at = [&](uint64_t index) {
    return At<Elf64_Shdr>(elf, header->e_shoff + index * sizeof(Elf64_Shdr));
  };
  const auto names_header = section_at(header->e_shstrndx);
  const auto names = names_header ? BytesOf(elf, *names_header) : std::nullopt;
  if (!names) return std::nullopt;
  for (uint64_t i = 0; i < header->e_shnum; ++i) {
    const auto section = section_at(i);
    if (!section || section->sh_name >= names->size()) return std::nullopt;
    const std::string_view rest = names->substr(section->sh_name);
    if (rest.substr(0, rest.find('\0')) == name) return BytesOf(elf, *section);
  }
  return std::nullopt;
}

// The value of KEY in a list of "KEY=value" strings that end in zeros.
std::optional<std::string> FindInfo(std::string_view info, std::string_view key) {
  while (!info.empty()) {
    const std::string_view entry = info.substr(0, info.find('\0'));
    if (entry.starts_with(key) && entry.substr(key.size()).starts_with('=')) {
      return std::string(entry.substr(key.size() + 1));
    }
    info.remove_prefix(std::min(info.size(), entry.size() + 1));
  }
  return std::nullopt;
}

std::vector<std::string> SplitNames(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    if (!name.empty()) names.push_back(CanonicalModuleName(name));
    list.remove_prefix(std::min(list.size(), name.size() + 1));
  }
  return names;
}

}  // namespace

std::string CanonicalModuleName(std::string_view name) {
  std::string canonical(name);
  std::replace(canonical.begin(), canonical.end(), '_', '-');
  return canonical;
}

std::optional<std::string> ModuleNameOf(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  for (const std::string_view ending : {".ko", ".ko.xz", ".ko.zst", ".ko.gz"}) {
    if (name.size() > ending.size() && name.ends_with(ending)) {
      return CanonicalModuleName(name.substr(0, name.size() - ending.size()));
    }
  }
  return std::nullopt;
}

Result<std::string> ReadDecompressed(const std::filesystem::path& file) {
  const Archive archive(archive_read_new(), archive_read_free);
  archive_read_support_filter_all(archive.get());
  archive_read_support_format_raw(archive.get());
  archive_read_support_format_empty(archive.get());
  const auto error = [&] {
    const char* text = archive_error_string(archive.get());
    return MakeError("{}: can't be read: {}", file.string(), text == nullptr ? "unknown" : text);
  };
  if (archive_read_open_filename(archive.get(), file.c_str(), kReadSize) != ARCHIVE_OK) {
    return error();
  }
  archive_entry* entry = nullptr;
  const int opened = archive_read_next_header(archive.get(), &entry);
  if (opened == ARCHIVE_EOF) return std::string();
  if (opened != ARCHIVE_OK) return error();
  std::string bytes;
  std::array<char, kReadSize> buffer;
  while (true) {
    const la_ssize_t got = archive_read_data(archive.get(), buffer.data(), buffer.size());
    if (got < 0) return error();
    if (got == 0) return bytes;
    bytes.append(buffer.data(), static_cast<size_t>(got));
  }
}

Result<Module> ReadModule(const std::filesystem::path& file) {
  const auto name = ModuleNameOf(file);
  if (!name) {
    return MakeError(
        "module {}: not a module's name; expected one that ends in .ko, .ko.xz, "
        ".ko.zst or .ko.gz",
        file.string());
  }
  std::error_code code;
  if (!std::filesystem::is_regular_file(file, code)) {
    return MakeError("module {}: no such file", file.string());
  }
  auto bytes = ReadDecompressed(file);
  if (!bytes) return MakeError("module {}", bytes.error().message);
  const auto info = FindSection(bytes.value(), ".modinfo");
  const auto magic = info ? FindInfo(*info, "vermagic") : std::nullopt;
  if (!magic) {
    return MakeError(
        "module {}: not a kernel module; expected a 64-bit ELF object with a "
        ".modinfo section",
        file.string());
  }
  auto depends = SplitNames(FindInfo(*info, "depends").value_or(""));
  return Module{*name, magic->substr(0, magic->find(' ')), std::move(depends),
                std::move(bytes).value()};
}

}  // namespace kct
