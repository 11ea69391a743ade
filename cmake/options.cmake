# Compiler, linker and warning options shared by every target, as echelon_options.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Everything becomes part of the embedding library, which shows its public names alone (see api/).
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

option(ECHELON_WERROR "Treat warnings as errors" ${PROJECT_IS_TOP_LEVEL})
option(ECHELON_PYTHON_PACKAGE "Build the Python package" ${PROJECT_IS_TOP_LEVEL})
set(ECHELON_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

# Python itself is not built with sanitizers.
if(ECHELON_SANITIZE)
  set(ECHELON_PYTHON_PACKAGE OFF)
endif()

# GCC's profile-guided optimisation: `scripts/build profiled` does both, with a load in between.
set(ECHELON_PROFILE "" CACHE STRING "generate: count what is executed; use: compile for what was counted")
if(ECHELON_PROFILE STREQUAL "generate")
  add_compile_options(-fprofile-generate -fprofile-update=atomic)
  add_link_options(-fprofile-generate)
elseif(ECHELON_PROFILE STREQUAL "use")
  # What the load did not reach, or what has changed since, is compiled as ever. As elsewhere, GCC 12 sees overflow
  # in moved strings once they are inlined.
  add_compile_options(-fprofile-use -fprofile-partial-training -fprofile-correction
    -Wno-missing-profile -Wno-coverage-mismatch -Wno-array-bounds)
elseif(ECHELON_PROFILE)
  message(FATAL_ERROR "ECHELON_PROFILE is '${ECHELON_PROFILE}': use 'generate', 'use' or nothing")
endif()

find_program(ECHELON_CCACHE ccache)
# Counts belong to the place of an object.
if(ECHELON_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER AND NOT ECHELON_PROFILE)
  # Paths relative to the source tree: another clone finds what this one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
    "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${ECHELON_CCACHE}")
endif()
find_program(ECHELON_MOLD mold)
if(ECHELON_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(echelon_options INTERFACE)
target_include_directories(echelon_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(echelon_options INTERFACE CAF_ENABLE_TYPE_ID_CHECKS
  ECHELON_VERSION="${PROJECT_VERSION}")
target_compile_options(echelon_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow $<$<BOOL:${ECHELON_WERROR}>:-Werror>
  # GCC 12 sees overlap in std::string operator+ where there is none (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # At -O3 GCC 12 takes moved-from JSON values for uninitialised ones.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-maybe-uninitialized>)
if(ECHELON_SANITIZE)
  add_compile_options(-fsanitize=${ECHELON_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ECHELON_SANITIZE})
  # Of types: CAF's queues cast their sentinels to elements (and never touch them as such), and the check itself needs a
  # descriptor, which it takes for a finding when there is none.
  add_compile_options(-fno-sanitize=vptr)
  # Instrumented code confuses GCC's flow analysis.
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  if(ECHELON_SANITIZE MATCHES "thread")
    # GCC cannot model atomic_thread_fence under TSan and says so.
    add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()
