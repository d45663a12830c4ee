// A queue's or handler's `config` against the JSON Schema that its class carries: before anything connects.
// Thread: any.
#pragma once

#include <string>
#include <vector>

#include "plugins/catalog.hpp"

namespace volley::plugins {

struct SchemaError {
    std::string pointer;    // JSON pointer of the wrong key or value inside `config`: "/bootstrap.servers";
                            // empty: the whole
    std::string text;       // what is wrong and what is allowed, without the value: it may be a secret
    bool is_key = false;    // the key itself is unknown, rather than its value wrong
    std::string help = {};  // the nearest key, all of them, or what the schema says of this one; may be empty
};

// Returns the same object with its scalars as the class's schema takes them, where they can be meant: a
// password of digits is a text with those digits, a port in quotes a number. Every class gets its `config`
// so.
std::string fit_config(const PluginClass& plugin_class, const std::string& config_json);

// Returns every error, in the order of the document; empty: it fits, or the class has no schema. An unknown
// key names the nearest known one. Secrets are filled in by the caller beforehand.
std::vector<SchemaError> check_config(const PluginClass& plugin_class, const std::string& given);

}  // namespace volley::plugins
