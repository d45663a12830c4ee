# volley_add_plugin(postgres postgres.cpp … LINK pq): builds postgres.so, a Volley plugin, from C++ or C.
# Only the ABI's entry is exported; a symbol that is missing fails the link, not the start of volleyd.
# Found in Volley's own tree and, after find_package(volley), in a stranger's.
set(VOLLEY_PLUGIN_VERSION_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/plugin.map)

function(volley_add_plugin name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name}_plugin MODULE ${arg_SOURCES} ${arg_UNPARSED_ARGUMENTS})
  set_target_properties(${name}_plugin PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} SUFFIX ".so"
    CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(CXX IN_LIST languages)
    target_compile_features(${name}_plugin PRIVATE cxx_std_17)
  endif()
  if(C IN_LIST languages)
    target_compile_features(${name}_plugin PRIVATE c_std_11)
  endif()
  target_link_libraries(${name}_plugin PRIVATE volley::plugin_api ${arg_LINK})
  target_link_options(${name}_plugin PRIVATE LINKER:--version-script=${VOLLEY_PLUGIN_VERSION_SCRIPT} LINKER:-z,now)
  set_property(TARGET ${name}_plugin APPEND PROPERTY LINK_DEPENDS ${VOLLEY_PLUGIN_VERSION_SCRIPT})
  if(NOT VOLLEY_SANITIZE)  # a sanitizer's runtime is in the program that loads the plugin
    target_link_options(${name}_plugin PRIVATE LINKER:-z,defs)
  endif()
endfunction()
