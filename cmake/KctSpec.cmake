# SPDX-License-Identifier: GPL-2.0-only
# From the pages of docs/spec to the clause table.
#
#   kct_spec                       library: harness/spec/clauses.h and clause_id.h
#   kct_spec_index(TESTS t1 … MODEL folder … [COMPLETE])
#                                  the test that docs/spec/index.md and answers.md match the
#                                  clauses, what these test programs list and the model's sources,
#                                  and the target refresh_spec_index that rewrites them; COMPLETE:
#                                  and that no clause lacks a Doc or a part of the model

set(KCT_SPEC_PAGES
  ${PROJECT_SOURCE_DIR}/docs/spec/prefault.md
  ${PROJECT_SOURCE_DIR}/docs/spec/memslot.md
  ${PROJECT_SOURCE_DIR}/docs/spec/fault.md
  ${PROJECT_SOURCE_DIR}/docs/spec/hypercall.md
  ${PROJECT_SOURCE_DIR}/docs/spec/gmem.md
  ${PROJECT_SOURCE_DIR}/docs/spec/attributes.md
  ${PROJECT_SOURCE_DIR}/docs/spec/snp.md
  ${PROJECT_SOURCE_DIR}/docs/spec/tdx.md
  ${PROJECT_SOURCE_DIR}/docs/spec/shadow.md
  ${PROJECT_SOURCE_DIR}/docs/spec/notifier.md
  ${PROJECT_SOURCE_DIR}/docs/spec/dirty.md
  ${PROJECT_SOURCE_DIR}/docs/spec/meta.md)

# Called once, by harness/spec/CMakeLists.txt.
function(kct_spec_library)
  set(generated ${PROJECT_BINARY_DIR}/generated)
  set(table ${generated}/kct_generated/clause_table.inc)
  set(ids ${generated}/kct_generated/clause_ids.h)
  set(stamp ${generated}/kct_generated/spec.stamp)
  file(MAKE_DIRECTORY ${generated}/kct_generated)
  # The generated files are byproducts: one whose text did not change keeps its time, and nothing
  # that includes it is rebuilt.
  add_custom_command(OUTPUT ${stamp} BYPRODUCTS ${table} ${ids}
    COMMAND spec_gen --table ${table} --ids ${ids} ${KCT_SPEC_PAGES}
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS spec_gen ${KCT_SPEC_PAGES}
    COMMENT "Clause table from docs/spec" VERBATIM)
  add_custom_target(kct_spec_files DEPENDS ${stamp})

  kct_library(kct_spec SOURCES clauses.cc LINKS kct_base)
  target_include_directories(kct_spec PUBLIC ${generated})
  add_dependencies(kct_spec kct_spec_files)
endfunction()

# A test that `source` does not compile, and that the reason is the unknown clause.
function(kct_spec_typo_test source)
  add_test(NAME unit/spec_typo_test
    COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -fsyntax-only -I${PROJECT_SOURCE_DIR}
      -I${PROJECT_BINARY_DIR}/generated ${CMAKE_CURRENT_SOURCE_DIR}/${source})
  set_tests_properties(unit/spec_typo_test PROPERTIES LABELS unit TIMEOUT 120
    PASS_REGULAR_EXPRESSION "NoSuchClauseInDocsSpec")
endfunction()

# TESTS are targets of test programs that know --list-json (docs/design/protocol.md).
function(kct_spec_index)
  cmake_parse_arguments(ARG "COMPLETE" "" "TESTS;MODEL" ${ARGN})
  set(options --root ${PROJECT_SOURCE_DIR})
  foreach(folder IN LISTS ARG_MODEL)
    list(APPEND options --model ${folder})
  endforeach()
  set(complete)
  if(ARG_COMPLETE)
    set(complete --complete)
  endif()
  set(lists)
  foreach(test IN LISTS ARG_TESTS)
    set(list ${PROJECT_BINARY_DIR}/generated/${test}.json)
    add_custom_command(OUTPUT ${list}
      COMMAND ${test} --list-json > ${list}
      DEPENDS ${test} COMMENT "Tests of ${test}" VERBATIM)
    list(APPEND lists ${list})
  endforeach()
  add_custom_target(kct_test_lists ALL DEPENDS ${lists})
  add_custom_target(refresh_spec_index
    COMMAND spec_index write ${options} ${lists}
    DEPENDS ${lists} COMMENT "Generated pages of docs/spec" VERBATIM)
  add_test(NAME style/spec_index
    COMMAND spec_index check ${options} ${complete}
      --refresh "cmake --build ${PROJECT_BINARY_DIR} --target refresh_spec_index" ${lists})
  set_tests_properties(style/spec_index PROPERTIES LABELS style TIMEOUT 60)
endfunction()
