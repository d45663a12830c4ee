// The keys of config.schema.json.
#pragma once

#include <cstdint>
#include <string>

#include "volley/abi.hpp"

namespace volley::sqlite {

struct SqliteConfig {
    std::string path;  // absolute
    std::uint32_t lease_ms = 30'000;
    std::uint32_t busy_timeout_ms = 5'000;
};

// Throws Error{config} that names the key.
SqliteConfig read_config(const Context& context);

}  // namespace volley::sqlite
