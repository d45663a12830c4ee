// Checks the `config` of a queue or a handler against the JSON Schema of its class, before anything connects.
// Thread: any.
#pragma once

#include <string>
#include <vector>

#include "plugins/catalog.hpp"

namespace volley::plugins {

struct SchemaError {
    std::string pointer;    // JSON pointer to the wrong key or value inside `config`: "/bootstrap.servers";
                            // empty: the whole `config`
    std::string text;       // what is wrong and what is allowed; never the value, which may be a secret
    bool is_key = false;    // the key is unknown, rather than its value wrong
    std::string help = {};  // the nearest key, all keys, or the schema's description of this one
};

// Returns the same object with its scalars converted to the types in the class's schema, where that keeps
// their meaning: a password of digits becomes a string with those digits, a port in quotes a number. Every
// class gets its `config` in this form.
std::string fit_config(const PluginClass& plugin_class, const std::string& config_json);

// Returns all errors, in document order. Empty: the configuration fits, or the class has no schema. For an
// unknown key, the error suggests the nearest known one. Requires: secrets are already filled in.
std::vector<SchemaError> check_config(const PluginClass& plugin_class, const std::string& given);

}  // namespace volley::plugins
