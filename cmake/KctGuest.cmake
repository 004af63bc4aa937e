# SPDX-License-Identifier: GPL-2.0-only
# From payload sources to bytes in a host program.
#
#   kct_guest(NAME SOURCES … LDSCRIPT FILE)
#
# links a flat image of its own and makes the static library guest_NAME with the symbols
# kct_guest_NAME_begin and kct_guest_NAME_end around its bytes (harness/guest/image.h wraps them).
# LDSCRIPT goes through the C preprocessor, so that it shares guest/abi.h.

# The only place with compiler flags for guest code.
add_library(kct_freestanding INTERFACE)
target_include_directories(kct_freestanding INTERFACE ${PROJECT_SOURCE_DIR}/guests/include)
target_compile_options(kct_freestanding INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-std=c++20 -Wall -Wextra -Wpedantic -Wshadow>
  $<$<COMPILE_LANGUAGE:CXX>:-O2>                   # inlined accessors: one access, one instruction
  $<$<COMPILE_LANGUAGE:CXX>:-ffreestanding>          # there is no C library in the guest
  $<$<COMPILE_LANGUAGE:CXX>:-mgeneral-regs-only>     # nobody sets up SSE or FPU state
  $<$<COMPILE_LANGUAGE:CXX>:-mno-red-zone>           # exceptions use the same stack
  $<$<COMPILE_LANGUAGE:CXX>:-fno-stack-protector>    # no canary is set up
  $<$<COMPILE_LANGUAGE:CXX>:-fcf-protection=none>    # CET is off, endbr64 would only be noise
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>         # no unwinder
  $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>
  $<$<COMPILE_LANGUAGE:CXX>:-fno-asynchronous-unwind-tables>
  $<$<COMPILE_LANGUAGE:CXX>:-fno-threadsafe-statics> # no runtime to guard them
  $<$<COMPILE_LANGUAGE:CXX>:-fno-tree-loop-distribute-patterns>  # no loop becomes a call of memset
  -fno-pie)                                          # linked to a fixed address
target_link_options(kct_freestanding INTERFACE
  -nostdlib -static -no-pie
  -Wl,--build-id=none     # a note section would come before the entry
  -Wl,--no-warn-rwx-segments  # one segment: the host decides what is mapped how
  -Wl,-z,max-page-size=4096)

function(kct_guest name)
  cmake_parse_arguments(ARG "" "LDSCRIPT" "SOURCES" ${ARGN})
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name})
  set(ldscript ${folder}.ld)
  set(image ${folder}.bin)
  get_filename_component(ldscript_source ${ARG_LDSCRIPT} ABSOLUTE)

  add_custom_command(OUTPUT ${ldscript}
    COMMAND ${CMAKE_CXX_COMPILER} -E -P -x c -I${PROJECT_SOURCE_DIR}/guests/include
      ${ldscript_source} -o ${ldscript}
    DEPENDS ${ldscript_source} ${PROJECT_SOURCE_DIR}/guests/include/guest/abi.h
    COMMENT "Linker script of guest ${name}" VERBATIM)
  add_custom_target(guest_${name}_ldscript DEPENDS ${ldscript})

  add_executable(guest_${name}_elf ${ARG_SOURCES})
  add_dependencies(guest_${name}_elf guest_${name}_ldscript)
  target_link_libraries(guest_${name}_elf PRIVATE kct_freestanding)
  target_link_options(guest_${name}_elf PRIVATE -Wl,-T,${ldscript})
  set_target_properties(guest_${name}_elf PROPERTIES LINK_DEPENDS ${ldscript})

  add_custom_command(OUTPUT ${image}
    COMMAND ${CMAKE_OBJCOPY} -O binary guest_${name}_elf ${image}
    DEPENDS guest_${name}_elf COMMENT "Image of guest ${name}" VERBATIM)

  file(CONFIGURE OUTPUT ${folder}_bytes.S @ONLY CONTENT [[
        .section .rodata
        .globl  kct_guest_@name@_begin, kct_guest_@name@_end
        .balign 16
kct_guest_@name@_begin:
        .incbin "@image@"
kct_guest_@name@_end:
        .section .note.GNU-stack, "", @progbits
]])
  set_source_files_properties(${folder}_bytes.S PROPERTIES OBJECT_DEPENDS ${image})
  add_library(guest_${name} STATIC ${folder}_bytes.S)
endfunction()
