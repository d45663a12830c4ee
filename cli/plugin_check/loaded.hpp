// A plugin's file, loaded as the engine loads it, but without any of the engine's checks: what it says of
// itself is judged by a check. Thread: one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plugins/description.hpp"
#include "plugins/host.hpp"
#include "volley/plugin.h"

namespace volley::cli::plugin_check {

// "file.so" or "file.so:Class".
struct Spec {
    std::string file;        // absolute, if it exists
    std::string class_name;  // empty: all classes
};

Spec parse_spec(const std::string& text);

struct Loaded {
    std::unique_ptr<plugins::detail::Host> host;
    const volley_plugin* plugin = nullptr;
};

// These end the child with a failed verdict if the file is no plugin, or if its description breaks a rule
// without which it cannot be used.
Loaded load(const std::string& file);
std::unique_ptr<plugins::Description> described(const Loaded& loaded, const std::string& file);

// A class of a loaded file.
struct Subject {
    const volley_class* raw = nullptr;  // the plugin's own
    plugins::PluginClass known;         // the full-size copy
};

// Returns the class, or ends the child.
Subject subject_of(const std::string& file, std::uint32_t kind, const std::string& class_name);

// Texts of volley_class and volley_plugin that may be NULL.
inline std::string text_or_nothing(const char* text) { return text == nullptr ? "" : text; }

}  // namespace volley::cli::plugin_check
