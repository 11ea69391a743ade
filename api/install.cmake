# What `cmake --install` gives to other projects: library, headers, CMake package, pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(echelon_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/echelon")
install(TARGETS echelon_embed EXPORT echelon-targets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT library NAMELINK_COMPONENT development
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${CMAKE_CURRENT_LIST_DIR}/include/echelon" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  COMPONENT development)
install(EXPORT echelon-targets NAMESPACE echelon:: DESTINATION "${echelon_package_dir}" COMPONENT development)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/echelon-config.cmake.in"
  "${CMAKE_CURRENT_BINARY_DIR}/echelon-config.cmake" INSTALL_DESTINATION "${echelon_package_dir}")
# Before 1.0 a minor version may change what programs link against.
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/echelon-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/echelon-config.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/echelon-config-version.cmake" "${PROJECT_SOURCE_DIR}/cmake/FindCAF.cmake"
  DESTINATION "${echelon_package_dir}" COMPONENT development)
file(RELATIVE_PATH echelon_pc_prefix "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
configure_file("${CMAKE_CURRENT_LIST_DIR}/echelon.pc.in" "${CMAKE_CURRENT_BINARY_DIR}/echelon.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/echelon.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
  COMPONENT development)
