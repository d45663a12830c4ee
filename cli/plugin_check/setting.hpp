// What a check works with: a class, its configuration, and a place in the store that no other check uses.
#pragma once

#include <cstdint>
#include <string>

#include "plugin_check/loaded.hpp"

namespace volley::cli::plugin_check {

struct Setting {
    std::string file;
    std::uint32_t kind = 0;
    std::string class_name;
    std::string config = "{}";  // JSON object
    bool has_config = false;    // --config was given: for connectors there is a live store
    std::string value;          // the queue's, of this check alone unless --value was given
    std::string base_dir;
    std::string body = "{}";  // of messages for handlers
    std::uint64_t seed = 1;

    bool is_live() const { return has_config || kind == VOLLEY_KIND_HANDLER; }
};

}  // namespace volley::cli::plugin_check
