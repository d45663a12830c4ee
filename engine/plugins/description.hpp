// A plugin's own description, checked and copied into structs of full size, so that the rest of the engine
// reads every field without asking how old the plugin is. Thread: any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plugins/catalog.hpp"
#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::plugins {

// Borrows the texts of the plugin, which are static. Does not move: `plugin.classes` points into it.
struct Description {
    volley_plugin plugin{};
    struct Class {
        volley_class head{};
        volley_consumer_class
            consumer{};  // the one of these that head.kind says is what head.functions points to
        volley_producer_class producer{};
        volley_handler_class handler{};
    };
    std::vector<std::unique_ptr<Class>> classes;  // of the kinds we know
    std::vector<const volley_class*> pointers;
};

// Returns the copy, or an Error with the code config that names `file` and what is missing.
Result<std::unique_ptr<Description>> describe(const volley_plugin& plugin, const std::string& file);

// The ABI's number of a kind, and its word.
std::uint32_t abi_kind(Kind kind);
const char* kind_name(std::uint32_t abi_kind);

}  // namespace volley::plugins
