# Flags hang on targets, never on directories: volley_library() for a folder of the engine, volley_options() for the rest.

option(VOLLEY_WERROR "Warnings are errors (in the presets; packagers have other compilers)" OFF)

set(VOLLEY_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast -Woverloaded-virtual -Wnon-virtual-dtor> $<$<BOOL:${VOLLEY_WERROR}>:-Werror>)

# What newer versions of GCC's optimiser suspect changes with each version, and is often wrong about std::string: it warns only.
if(VOLLEY_WERROR AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  list(APPEND VOLLEY_WARNINGS -Wno-error=array-bounds -Wno-error=stringop-overflow -Wno-error=stringop-overread -Wno-error=restrict
    -Wno-error=maybe-uninitialized -Wno-error=free-nonheap-object $<$<COMPILE_LANGUAGE:CXX>:-Wno-error=dangling-reference>)
endif()

# For what ships: an overflow or a changed address ends the process instead of running an attacker's code, and no path of the
# machine that built it is inside.
option(VOLLEY_HARDEN "Compile and link with the hardening of the distributions" OFF)

option(VOLLEY_PRECOMPILE
  "Precompile the standard library's headers, and compile several files as one: builds faster from nothing, and without ccache" OFF)
set(VOLLEY_COMMON_HEADERS <algorithm> <atomic> <chrono> <condition_variable> <cstdint> <cstring> <deque> <filesystem> <functional>
  <map> <memory> <mutex> <optional> <set> <sstream> <string> <string_view> <thread> <unordered_map> <variant> <vector>)
set(CMAKE_PCH_WARN_INVALID OFF)  # a target whose flags do not fit does without
if(VOLLEY_PRECOMPILE)  # once for all libraries; a program's code is of another model, and it has few files
  file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cpp "")
  add_library(volley_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
  target_precompile_headers(volley_precompiled PRIVATE ${VOLLEY_COMMON_HEADERS})
  target_compile_options(volley_precompiled PRIVATE ${VOLLEY_WARNINGS} -fvisibility=hidden)
endif()

# RelWithDebInfo keeps assertions: a broken invariant stops the process before it can ack anything.
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

# volley_alone(file.cpp …): names in these collide with those of another file of their folder, so none is compiled with others.
function(volley_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

function(volley_options target)
  if(VOLLEY_PRECOMPILE)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    # There the warning means any file's own types, not only those of a header.
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
  endif()
  target_compile_options(${target} PRIVATE ${VOLLEY_WARNINGS} -fvisibility=hidden)
  target_link_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-lto>)  # unless volley_optimise_across() says otherwise
  get_target_property(type ${target} TYPE)
  if(VOLLEY_HARDEN)
    target_compile_options(${target} PRIVATE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
      -fstack-clash-protection $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>
      -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
    target_link_options(${target} PRIVATE LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack
      $<$<STREQUAL:${type},EXECUTABLE>:-pie>)
  endif()
  get_target_property(sources ${target} SOURCES)
  if(sources MATCHES "\\.c(;|$)")
    # The headers are those of C++.
  elseif(VOLLEY_PRECOMPILE AND NOT type STREQUAL "EXECUTABLE")
    target_precompile_headers(${target} REUSE_FROM volley_precompiled)
  endif()
  if(VOLLEY_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${VOLLEY_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${VOLLEY_SANITIZE})
  endif()
endfunction()

# volley_library(delivery [OBJECT] SOURCES … LINK …): the static library volley_delivery of one folder, or its objects.
function(volley_library name)
  cmake_parse_arguments(arg "OBJECT" "" "SOURCES;LINK" ${ARGN})
  if(arg_OBJECT)
    add_library(volley_${name} OBJECT ${arg_SOURCES})
  else()
    add_library(volley_${name} STATIC ${arg_SOURCES})
  endif()
  target_include_directories(volley_${name} PUBLIC ${PROJECT_SOURCE_DIR}/engine ${PROJECT_SOURCE_DIR}/engine/include)
  target_link_libraries(volley_${name} PUBLIC ${arg_LINK})
  volley_options(volley_${name})
endfunction()

# volley_optimise_across(volleyd LIBRARIES volley_delivery …): link-time optimisation of what a message passes through, where
# programs are built to ship. Whatever else links these libraries does without, so that tests link quickly.
function(volley_optimise_across program)
  cmake_parse_arguments(arg "" "" "LIBRARIES" ${ARGN})
  if(VOLLEY_SANITIZE OR NOT CMAKE_BUILD_TYPE MATCHES "^Rel" OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  foreach(library ${arg_LIBRARIES})
    target_compile_options(${library} PRIVATE -flto -ffat-lto-objects)
    set_target_properties(${library} PROPERTIES DISABLE_PRECOMPILE_HEADERS ON)  # those are compiled without -flto
  endforeach()
  target_link_options(${program} PRIVATE -flto=auto)
endfunction()

# volley_need(VARIABLE pkg-config-module debian-package): stops with the package's name if it is missing.
find_package(PkgConfig REQUIRED)
function(volley_need target module package)
  if(NOT TARGET PkgConfig::${target})
    pkg_check_modules(${target} IMPORTED_TARGET GLOBAL ${module})
    if(NOT ${target}_FOUND)
      message(FATAL_ERROR "${module} is missing: apt-get install ${package}")
    endif()
  endif()
endfunction()

# volley_test(name SOURCES … LINK …): a Catch2 program whose "no tests ran" is a failure. Its own sources are not optimised,
# because Catch2 macros then compile in half the time; the code under test is in libraries, which are optimised.
function(volley_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} volley_catch_main)
  volley_test_options(${name})
  if(VOLLEY_PRECOMPILE)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    target_precompile_headers(${name} REUSE_FROM volley_precompiled_test)
  endif()
  set(no_tests_fail --warn NoTests)
  if(Catch2_FOUND)  # version 3, where it is the default
    set(no_tests_fail)
  endif()
  add_test(NAME ${name} COMMAND ${name} ${no_tests_fail})
  set_tests_properties(${name} PROPERTIES FAIL_REGULAR_EXPRESSION "No tests ran" LABELS unit)
endfunction()

function(volley_test_options name)
  set(VOLLEY_PRECOMPILE OFF)  # here: tests have headers of their own
  volley_options(${name})
  target_compile_options(${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0>)
endfunction()

# volley_cold(target): what a message does not pass through compiles quickly instead.
function(volley_cold target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
endfunction()
