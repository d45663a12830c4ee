// What a handler and a connector of the SDK see of messages. Header-only, C++17.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "volley/error.hpp"
#include "volley/view.hpp"

namespace volley {
inline namespace v0 {

// An incoming message, borrowed: valid during the call of the handler.
class Message {
public:
    Message(const volley_message& message, std::uint32_t attempt) : m_(message), attempt_(attempt) {}

    std::string_view body() const { return text_of(m_.body); }
    bool is_tombstone() const { return is_absent(m_.body); }
    std::string_view key() const { return text_of(m_.key); }
    bool has_key() const { return !is_absent(m_.key); }
    std::string_view id() const { return text_of(m_.id); }  // the store's own
    std::string_view source() const { return text_of(m_.source); }
    // The first header of this name.
    std::optional<std::string_view> header(std::string_view name) const {
        for (std::uint32_t i = 0; i < m_.header_count; ++i) {
            if (text_of(m_.headers[i].name) == name) return text_of(m_.headers[i].value);
        }
        return std::nullopt;
    }
    std::uint32_t attempt() const { return attempt_; }  // 1: the first
    std::int64_t timestamp_ms() const { return m_.timestamp_ms; }
    std::int32_t partition() const { return m_.partition; }
    std::int64_t offset() const { return m_.offset; }
    const volley_message& raw() const { return m_; }

private:
    const volley_message& m_;
    std::uint32_t attempt_;
};

// A message that a four-method consumer hands over; owned by the SDK until it is settled.
struct QueueMessage {
    std::string message_context;       // the store's name for it: what delete_message and on_fail get
    std::string message;               // the body
    std::string key = {};              // empty: none
    std::uint32_t delivery_count = 0;  // 1: the first time; 0: the store does not count
};

// What a producer may know beside the body.
struct Options {
    std::string_view key;
    std::string_view id;  // stable across retries: a store that can, drops duplicates by it
    std::uint64_t delay_ms = 0;
};

}  // namespace v0
}  // namespace volley
