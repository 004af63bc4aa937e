# SPDX-License-Identifier: GPL-2.0-only
#   kct_test_suite(SUITE SOURCES … [LINKS …])
#
# One program SUITE_test of claims about KVM, static, so that it runs in a VM with no other files.
# CTest gets an entry a test, each run in a VM that the fixture kct_vm keeps up meanwhile, with the
# labels SUITE, abi or race, and vm.
function(kct_test_suite suite)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  set(name ${suite}_test)
  kct_program(${name} EXCEPTIONS STATIC
    SOURCES ${PROJECT_SOURCE_DIR}/harness/testing/main.cc ${ARG_SOURCES}
    LINKS kct_testing kct_guest ${ARG_LINKS})
  kct_use_gtest_headers(${name})
  set_property(GLOBAL APPEND PROPERTY KCT_SUITE_PROGRAMS ${name})
  # Not with the precompiled headers: they would have to know the definition.
  set_source_files_properties(${PROJECT_SOURCE_DIR}/harness/testing/main.cc PROPERTIES
    SKIP_PRECOMPILE_HEADERS ON COMPILE_DEFINITIONS KCT_SUITE="${suite}")
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin/suites)

  # What each test must not survive, for `kct prove`.
  configure_file(can_fail.txt ${PROJECT_BINARY_DIR}/bin/suites/${suite}.can_fail.txt COPYONLY)

  # The list of tests is the program's own; CTest includes it when it starts. Before the first
  # build there is none, and an entry that fails says so.
  set(list ${CMAKE_CURRENT_BINARY_DIR}/${name}.cmake)
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${name} --list-ctest=${PROJECT_BINARY_DIR}/bin/kct > ${list} VERBATIM)
  set(include ${CMAKE_CURRENT_BINARY_DIR}/${name}_include.cmake)
  file(WRITE ${include}
    "if(EXISTS \"${list}\")\n  include(\"${list}\")\nelse()\n"
    "  add_test(${name}_NOT_BUILT ${name}_NOT_BUILT)\nendif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${include})
endfunction()
