// A QueueMessage as the ABI's volley_message, and the memory behind its views. Header-only, C++17.
#pragma once

#include <utility>
#include <vector>

#include "volley/message.hpp"

namespace volley {
inline namespace v1 {
namespace detail {

// Must not move while views into it are used.
struct KeptMessage {
    std::uint64_t handle = 0;
    QueueMessage message = {};
    std::vector<volley_header> headers = {};

    std::string_view id() const { return message.id ? *message.id : message.message_context; }

    // Requires: `to` is empty, as the engine created it.
    void fill(volley_message& to) {
        headers.clear();
        for (const Header& header : message.headers) headers.push_back(header_of(header));
        to.handle = handle;
        to.body = view_of(message.message);
        if (message.key) to.key = view_of(*message.key);
        if (!id().empty()) to.id = view_of(id());
        to.headers = headers.data();
        to.header_count = static_cast<std::uint32_t>(headers.size());
        to.delivery_count = message.delivery_count;
        to.timestamp_ms = message.timestamp_ms;
    }
};

}  // namespace detail
}  // namespace v1
}  // namespace volley
