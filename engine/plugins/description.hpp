// A plugin's description of itself, checked and copied into full-size structs. The rest of the engine can
// then read every field, whatever the version of the plugin. Thread: any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plugins/catalog.hpp"
#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::plugins {

// Borrows the plugin's texts, which are static. Not movable: `plugin.classes` points into it.
struct Description {
    volley_plugin plugin{};
    struct Class {
        volley_class head{};
        volley_consumer_class
            consumer{};  // head.functions points to the one of these three that head.kind selects
        volley_producer_class producer{};
        volley_handler_class handler{};
    };
    std::vector<std::unique_ptr<Class>> classes;  // those of known kinds
    std::vector<const volley_class*> pointers;
};

// Returns the copy, or an error with the code config that names `file` and what is missing.
Result<std::unique_ptr<Description>> describe(const volley_plugin& plugin, const std::string& file);

// Return the ABI's number of a kind, and its name.
std::uint32_t abi_kind(Kind kind);
const char* kind_name(std::uint32_t abi_kind);

}  // namespace volley::plugins
