# echelon_test(<name> SOURCES ... [LIBS ...] [LABELS ...] [TIMEOUT s]): one Catch2 binary, every case
# a ctest test of its own.
include(Catch)
add_library(echelon_test_main STATIC "${PROJECT_SOURCE_DIR}/tests/main.cpp")
target_link_libraries(echelon_test_main PUBLIC Catch2::Catch2 echelon_options)

function(echelon_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  if(ECHELON_SANITIZE)
    math(EXPR T_TIMEOUT "5 * ${T_TIMEOUT}") # Such a build is some times slower.
  endif()
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE echelon_test_main ${T_LIBS})
  catch_discover_tests(${name} TEST_PREFIX "${name}: "
    PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS "${T_LABELS}")
endfunction()
