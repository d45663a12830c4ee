// The effective configuration value by value, as print() shows it.
#pragma once

#include <string>
#include <vector>

#include "volley/config.hpp"

namespace volley::config {

struct PrintedValue {
    std::string path;    // as in Config::origins
    std::string value;   // as in YAML; secrets are ***
    std::string origin;  // "volley.yml:3", "environment REDIS_HOST", "default"
};
std::vector<PrintedValue> printed_values(const Config& config);

}  // namespace volley::config
