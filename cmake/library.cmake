# The shared library libmytoken, and what is installed: library, headers, CMake package, pkg-config file, programs,
# example configuration, units.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Whole, because nothing in the library itself refers to what it offers.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/libmytoken.cpp CONTENT "// All of the library comes from src/client.\n")
add_library(libmytoken SHARED ${CMAKE_BINARY_DIR}/generated/libmytoken.cpp)
target_link_libraries(libmytoken PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,mytoken_client>" mytoken_token mytoken_crypto mytoken_base)
set(version_script ${CMAKE_SOURCE_DIR}/cmake/libmytoken.map)
target_link_options(libmytoken PRIVATE -Wl,--version-script=${version_script} -Wl,-z,defs)
set_target_properties(libmytoken PROPERTIES
  OUTPUT_NAME mytoken EXPORT_NAME mytoken LINK_DEPENDS ${version_script}
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_compile_features(libmytoken INTERFACE cxx_std_20)
target_include_directories(libmytoken INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
if(MYTOKEN_SANITIZE)
  set_target_properties(libmytoken PROPERTIES EXCLUDE_FROM_ALL ON) # the sanitizer's runtime belongs to the program
endif()

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/mytoken)
install(TARGETS libmytoken EXPORT mytoken_targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT development)
install(DIRECTORY include/mytoken DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h")
install(EXPORT mytoken_targets FILE mytoken-targets.cmake NAMESPACE mytoken:: DESTINATION ${package_folder} COMPONENT development)
configure_package_config_file(cmake/mytoken-config.cmake.in ${CMAKE_BINARY_DIR}/mytoken-config.cmake
  INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/mytoken-config-version.cmake COMPATIBILITY SameMinorVersion)
# The prefix may be chosen at installation, so the file finds it from where it lies.
file(RELATIVE_PATH prefix_of_pc /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
string(REGEX REPLACE "/$" "" prefix_of_pc "${prefix_of_pc}")
configure_file(cmake/mytoken.pc.in ${CMAKE_BINARY_DIR}/mytoken.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/mytoken-config.cmake ${CMAKE_BINARY_DIR}/mytoken-config-version.cmake
  DESTINATION ${package_folder} COMPONENT development)
install(FILES ${CMAKE_BINARY_DIR}/mytoken.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
install(FILES examples/CMakeLists.txt examples/login.cpp examples/access_token.c
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT development)

install(TARGETS mytoken-server RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server)
install(FILES config/config.yaml.example DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/mytoken-server COMPONENT server)
install(DIRECTORY docs/operations DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/mytoken-server COMPONENT server)
install(FILES packaging/systemd/mytoken-server.service packaging/systemd/mytoken-server.socket
  DESTINATION lib/systemd/system COMPONENT server)
