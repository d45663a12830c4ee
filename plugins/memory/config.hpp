// The keys of config.schema.json.
#pragma once

#include <cstdint>
#include <optional>

#include "volley/abi.hpp"

namespace volley::memory {

struct MemoryConfig {
    std::optional<std::uint32_t> capacity;  // messages; absent: keep the queue's
    std::optional<std::uint64_t> generate;  // messages
    std::uint32_t body_bytes = 128;
    bool discard = false;
};

// Throws Error{config} that names the key.
MemoryConfig read_config(const Context& context);

}  // namespace volley::memory
