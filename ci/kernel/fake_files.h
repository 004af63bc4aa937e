// SPDX-License-Identifier: GPL-2.0-only
// For tests: a folder that goes away, and files that look like kernels and modules.
#pragma once

#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace kct {

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kct-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline void WriteFile(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The top of a kernel's sources, as far as it is looked at.
inline void WriteFakeTree(const std::filesystem::path& top) {
  WriteFile(top / "Makefile",
            "# SPDX\nVERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\nEXTRAVERSION =\nNAME = x\n");
  WriteFile(top / "Kconfig", "");
  WriteFile(top / "arch/x86/kvm/x86.c", "int x;\n");
}

// A bzImage as far as its header goes.
inline std::string FakeImage(std::string_view banner) {
  std::string image(8192, '\0');
  image.replace(0x202, 4, "HdrS");
  const uint16_t offset = 0x400;
  std::memcpy(image.data() + 0x20e, &offset, sizeof(offset));
  image.replace(0x200 + offset, banner.size(), banner);
  return image;
}

// An ELF object with a .modinfo section and nothing else. `depends` is as in modinfo: "kvm,ccp".
inline std::string FakeModule(std::string_view release, std::string_view depends = "") {
  using namespace std::string_literals;
  const std::string info = "license=GPL\0vermagic="s + std::string(release) +
                           " SMP mod_unload \0"s + "depends="s + std::string(depends) + "\0"s;
  const std::string names = "\0.modinfo\0.shstrtab\0"s;
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  header.e_shoff = sizeof(header) + info.size() + names.size();
  Elf64_Shdr sections[3]{};
  sections[1].sh_name = 1;
  sections[1].sh_offset = sizeof(header);
  sections[1].sh_size = info.size();
  sections[2].sh_name = 10;
  sections[2].sh_offset = sizeof(header) + info.size();
  sections[2].sh_size = names.size();
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + info + names +
         std::string(reinterpret_cast<const char*>(sections), sizeof(sections));
}

}  // namespace kct
