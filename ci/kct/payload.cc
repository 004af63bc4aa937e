// SPDX-License-Identifier: GPL-2.0-only
#include "ci/kct/payload.h"

#include <elf.h>

#include <sstream>

#include "ci/kernel/command.h"
#include "ci/kernel/load_order.h"
#include "ci/vm/files.h"
#include "ci/vm/initramfs.h"

namespace kct {
namespace {

// The shared libraries that a program needs, and the dynamic linker; none for a static one.
Result<std::vector<std::filesystem::path>> LibrariesOf(const std::filesystem::path& program) {
  KCT_TRY(const CommandOutput listed, RunCommand({.argv = {"ldd", program.string()}}));
  std::vector<std::filesystem::path> libraries;
  if (!listed.ok()) return libraries;  // "not a dynamic executable"
  std::istringstream lines(listed.out);
  for (std::string line; std::getline(lines, line);) {  // "name => /path (0x…)" or "/path (0x…)"
    if (line.find("not found") != std::string::npos) {
      return MakeError("{}: its library is missing here:{}", program.string(), line);
    }
    const std::size_t path = line.find('/'), end = line.find(" (0x");
    if (path == std::string::npos || end == std::string::npos) continue;  // the kernel's own
    libraries.push_back(line.substr(path, end - path));
  }
  return libraries;
}

Status AddProgram(Initramfs& files, const std::filesystem::path& program) {
  const Result<std::string> bytes = ReadFile(program);
  if (!bytes) return bytes.error();
  if (!bytes.value().starts_with(ELFMAG)) {
    return MakeError("{}: not an ELF program", program.string());
  }
  files.AddFile("/bin/" + program.filename().string(), bytes.value(), 0755);
  KCT_TRY(const auto libraries, LibrariesOf(program));
  for (const std::filesystem::path& library : libraries) {
    KCT_TRY(std::string library_bytes, ReadFile(library));
    files.AddFile(library.string(), std::move(library_bytes), 0755);
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
    KCT_TRY_STATUS(AddProgram(files, program));
  }
  std::vector<std::string> wanted;
  // Tests swap to disks in memory, where the kernel has them; what old ones compress with is a
  // module that zram asks for by another way than modules do.
  const auto offered = ModuleFiles(kernel);
  for (const char* name : {"lzo-rle", "zram"}) {
    if (offered.contains(name)) wanted.push_back(name);
  }
  wanted.insert(wanted.end(), {"kvm", "kvm-amd"});
  KCT_TRY(const std::vector<LoadedModule> modules, ModulesInLoadOrder(kernel, wanted));
  std::string order;
  for (const LoadedModule& module : modules) {
    files.AddFile(fmt::format("/modules/{}.ko", module.name), module.bytes, 0644);
    order += module.name + "\n";
  }
  files.AddFile("/modules/order", order, 0644);
  return files.Archive();
}

}  // namespace kct
