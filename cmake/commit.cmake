# Writes the header TO with the commit that this tree is of, empty where Git does not know; a script for `cmake -P`.
execute_process(COMMAND git describe --always --tags --dirty=+ OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE
  RESULT_VARIABLE failed ERROR_QUIET)
if(failed)
  set(commit "")
endif()
set(text "#define ECHELON_COMMIT \"${commit}\"\n")
set(before "")
if(EXISTS "${TO}")
  file(READ "${TO}" before)
endif()
if(NOT text STREQUAL before)
  file(WRITE "${TO}" "${text}")
endif()
