// Configurations that a class must refuse or survive. Pure; any thread.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace volley::cli::plugin_check {

// A text that stands for a password: no error may repeat it.
inline constexpr char secret[] = "s3cret-that-no-error-shows";

struct WrongConfig {
    std::string what;  // "the key port is [1]"
    std::string json;
};

// One mistake each, made from a configuration and the class's schema (empty: it has none): wrong types,
// values out of range, missing keys, an unknown key. Passwords are `secret`.
std::vector<WrongConfig> wrong_configs(const std::string& config, const std::string& schema);

// A JSON object that is random, but uses the keys of the schema and of the configuration.
std::string random_config(const std::string& config, const std::string& schema, std::mt19937_64& random);

// Any UTF-8, control characters and NUL too: what may be a queue's `value`.
std::string random_value(std::mt19937_64& random);

}  // namespace volley::cli::plugin_check
