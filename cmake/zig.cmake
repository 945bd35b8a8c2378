# Toolchain of the shipped Linux binaries: zig's clang and its glibc stubs, so that no symbol is newer than VITRINE_TARGET says.
# VITRINE_ZIG is the command of zig as a CMake list, for example "python3;-m;ziglang".
set(CMAKE_SYSTEM_NAME Linux)
if(NOT DEFINED ENV{VITRINE_ZIG} OR NOT DEFINED ENV{VITRINE_TARGET})
  message(FATAL_ERROR "cmake/zig.cmake: VITRINE_ZIG and VITRINE_TARGET are not set; scripts/prebuild.mjs sets them")
endif()
if("$ENV{VITRINE_TARGET}" MATCHES "^aarch64")
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
else()
  set(CMAKE_SYSTEM_PROCESSOR x86_64)
endif()
set(CMAKE_CXX_COMPILER $ENV{VITRINE_ZIG} c++ -target $ENV{VITRINE_TARGET})
set(CMAKE_AR $ENV{VITRINE_AR})
set(CMAKE_RANLIB $ENV{VITRINE_RANLIB})
