# SPDX-License-Identifier: GPL-2.0-only
# The only place with compiler flags for host code: warnings, exceptions, the include root.
#
#   kct_library(NAME SOURCES … [LINKS …] [EXCEPTIONS])   a static library
#   kct_program(NAME SOURCES … [LINKS …] [EXCEPTIONS] [STATIC])
#   kct_unit_test(NAME SOURCES … [LINKS …])              GoogleTest, runs on the build machine

option(KCT_WERROR "Treat warnings as errors" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)

add_library(kct_flags INTERFACE)
add_library(kct::flags ALIAS kct_flags)
target_compile_features(kct_flags INTERFACE cxx_std_20)
target_compile_options(kct_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow>
  # Designated initialisers that name only what matters are the point of our option structs.
  $<$<COMPILE_LANGUAGE:CXX>:-Wno-missing-field-initializers>
  # g++ 12 sees overlaps that are not there in std::string's operator+ (GCC bug 105651).
  $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>
  $<$<BOOL:${KCT_WERROR}>:-Werror>)
target_include_directories(kct_flags INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/guests/include)
target_link_libraries(kct_flags INTERFACE Threads::Threads)

add_library(kct_fmt STATIC ${PROJECT_SOURCE_DIR}/harness/base/fmt.cc)
target_compile_features(kct_fmt PUBLIC cxx_std_20)

function(kct_configure_target name)
  cmake_parse_arguments(ARG "EXCEPTIONS;STATIC" "" "SOURCES;LINKS" ${ARGN})
  target_link_libraries(${name} PUBLIC kct::flags ${ARG_LINKS} kct_fmt)
  if(NOT ARG_EXCEPTIONS)
    # Bad news travels as values (Result, Call); JSON reports its errors by return value too.
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
    target_compile_definitions(${name} PRIVATE JSON_NOEXCEPTION)
  endif()
  if(ARG_STATIC)
    # Runs in a VM that has no files but ours.
    target_link_options(${name} PRIVATE -static)
  endif()
endfunction()

function(kct_library name)
  cmake_parse_arguments(ARG "EXCEPTIONS" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  kct_configure_target(${name} ${ARGN})
endfunction()

function(kct_program name)
  cmake_parse_arguments(ARG "EXCEPTIONS;STATIC" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  kct_configure_target(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# GoogleTest's headers, compiled once for all tests: they are most of the time a small test takes.
file(WRITE ${PROJECT_BINARY_DIR}/gtest_headers.cc "")
kct_library(kct_gtest_headers EXCEPTIONS SOURCES ${PROJECT_BINARY_DIR}/gtest_headers.cc
  LINKS GTest::gmock)
target_precompile_headers(kct_gtest_headers PRIVATE <gmock/gmock.h> <fmt/format.h>)

function(kct_use_gtest_headers name)
  target_link_libraries(${name} PRIVATE GTest::gmock)
  target_precompile_headers(${name} REUSE_FROM kct_gtest_headers)
  # g++ 12 sees writes beyond strings that are not there (GCC bugs 105329, 105651) where
  # GoogleTest's printing is inlined.
  target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-stringop-overflow)
endfunction()

add_custom_target(unit_tests)

function(kct_unit_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  kct_configure_target(${name} EXCEPTIONS LINKS ${ARG_LINKS} GTest::gmock_main)
  kct_use_gtest_headers(${name})
  add_dependencies(unit_tests ${name})
  add_test(NAME unit/${name} COMMAND ${name})
  set_tests_properties(unit/${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
