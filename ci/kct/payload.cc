// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/payload.h"

#include <elf.h>

#include <cstring>

#include "ci/kernel/load_order.h"
#include "ci/vm/files.h"
#include "ci/vm/initramfs.h"

namespace kct {
namespace {

// A program that names an interpreter wants a dynamic linker, and shared libraries with it.
Status CheckIsStatic(const std::filesystem::path& program, const std::string& bytes) {
  Elf64_Ehdr header;
  if (bytes.size() < sizeof header || !bytes.starts_with(ELFMAG)) {
    return MakeError("{}: not an ELF program", program.string());
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const std::size_t offset = header.e_phoff + i * sizeof segment;
    if (offset + sizeof segment > bytes.size()) break;
    std::memcpy(&segment, bytes.data() + offset, sizeof segment);
    if (segment.p_type == PT_INTERP) {
      return MakeError("{}: needs shared libraries, and the VM has none; link it with -static",
                       program.string());
    }
  }
  return {};
}

}  // namespace

Result<std::string> MakePayload(const Kernel& kernel, const std::filesystem::path& init,
                                const std::vector<std::filesystem::path>& programs) {
  Initramfs files;
  // PID 1's own output goes to the console, which the kernel opens before devtmpfs is there.
  files.AddCharacterDevice("/dev/console", 5, 1);
  KCT_TRY(std::string init_bytes, ReadFile(init));
  files.AddFile("/init", std::move(init_bytes), 0755);
  for (const std::filesystem::path& program : programs) {
    KCT_TRY(std::string bytes, ReadFile(program));
    KCT_TRY_STATUS(CheckIsStatic(program, bytes));
    files.AddFile("/bin/" + program.filename().string(), std::move(bytes), 0755);
  }
  KCT_TRY(const std::vector<LoadedModule> modules, ModulesInLoadOrder(kernel, {"kvm", "kvm-amd"}));
  std::string order;
  for (const LoadedModule& module : modules) {
    files.AddFile(fmt::format("/modules/{}.ko", module.name), module.bytes, 0644);
    order += module.name + "\n";
  }
  files.AddFile("/modules/order", order, 0644);
  return files.Archive();
}

}  // namespace kct
