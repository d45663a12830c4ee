// Messages as values: what a producer is given, and what a consumer delivered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "volley/plugin.h"

namespace volley::cli::plugin_check {

// Absent and empty are not the same.
using Bytes = std::optional<std::string>;

struct Content {
    Bytes body, key;
    std::vector<std::pair<std::string, Bytes>> headers;

    bool operator==(const Content&) const = default;
};

struct Delivery {
    std::uint64_t handle = 0;
    Content content;
    Bytes id;
    std::uint32_t delivery_count = 0;
    std::uint32_t lease_ms = 0;
    std::int32_t partition = -1;
    std::int64_t offset = -1;
    std::uint32_t epoch = 0;
    volley_view source{};
    volley_message views{};  // as the plugin filled it
};

inline Bytes bytes_of(volley_view view) {
    if (view.data == nullptr) return std::nullopt;
    return std::string(static_cast<const char*>(view.data), view.size);
}

inline volley_view view_of(const Bytes& bytes) {
    if (!bytes) return {};
    return {bytes->data(), bytes->size()};
}

// Requires: the views are valid.
Content content_of(const volley_message& message);

// "the key is absent instead of 3 bytes"; empty: they are the same. `of`: what was stored.
std::string difference(const Content& of, const Content& came);

}  // namespace volley::cli::plugin_check
