# Writes the header TO with the commit that this tree is of, empty where Git does not know; a script for `cmake -P`.
# Where there is no repository, such as in an image, ECHELON_COMMIT of the environment says it.
execute_process(COMMAND git describe --always --tags --dirty=+ OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE
  RESULT_VARIABLE failed ERROR_QUIET)
if(failed)
  set(commit "$ENV{ECHELON_COMMIT}")
endif()
set(text "#define ECHELON_COMMIT \"${commit}\"\n")
set(before "")
if(EXISTS "${TO}")
  file(READ "${TO}" before)
endif()
if(NOT text STREQUAL before)
  file(WRITE "${TO}" "${text}")
endif()
