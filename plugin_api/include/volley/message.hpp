// Messages as handlers and connectors of the SDK see them. Header-only, C++17.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "volley/error.hpp"
#include "volley/view.hpp"

namespace volley {
inline namespace v1 {

// One header. Names may repeat; a value may be absent, or any bytes.
struct Header {
    std::string name;
    std::optional<std::string> value = std::nullopt;
};
struct HeaderView {
    std::string_view name;
    std::optional<std::string_view> value = std::nullopt;
};

// The headers of a message, in order, borrowed: for (const HeaderView& header : message.headers()).
class Headers {
public:
    class Iterator {
    public:
        using value_type = HeaderView;
        using difference_type = std::ptrdiff_t;
        using reference = HeaderView;
        using pointer = void;
        using iterator_category = std::input_iterator_tag;

        explicit Iterator(const volley_header* at) : at_(at) {}
        HeaderView operator*() const {
            HeaderView header{text_of(at_->name)};
            if (!is_absent(at_->value)) header.value = text_of(at_->value);
            return header;
        }
        Iterator& operator++() { return ++at_, *this; }
        bool operator==(const Iterator& other) const { return at_ == other.at_; }
        bool operator!=(const Iterator& other) const { return at_ != other.at_; }

    private:
        const volley_header* at_;
    };

    Headers() = default;
    Headers(const volley_header* first, std::uint32_t count)
        : first_(first), count_(first != nullptr ? count : 0) {}

    Iterator begin() const { return Iterator(first_); }
    Iterator end() const { return Iterator(first_ + count_); }
    std::size_t size() const { return count_; }
    bool empty() const { return count_ == 0; }
    // The value of the first header of this name that has a value.
    std::optional<std::string_view> find(std::string_view name) const {
        for (const HeaderView header : *this) {
            if (header.name == name && header.value) return header.value;
        }
        return std::nullopt;
    }

private:
    const volley_header* first_ = nullptr;
    std::uint32_t count_ = 0;
};

// For OutputOptions::headers. Borrows.
inline volley_header header_of(std::string_view name, std::optional<std::string_view> value) {
    return {view_of(name), value ? view_of(*value) : volley_view{}};
}
inline volley_header header_of(const HeaderView& header) { return header_of(header.name, header.value); }
inline volley_header header_of(const Header& header) { return header_of(header.name, header.value); }

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
    Headers headers() const { return {m_.headers, m_.header_count}; }
    std::optional<std::string_view> header(std::string_view name) const { return headers().find(name); }
    std::uint32_t attempt() const { return attempt_; }  // 1: the first
    std::int64_t timestamp_ms() const { return m_.timestamp_ms; }
    std::int32_t partition() const { return m_.partition; }
    std::int64_t offset() const { return m_.offset; }
    const volley_message& raw() const { return m_; }

private:
    const volley_message& m_;
    std::uint32_t attempt_;
};

// A message that a consumer returns; the SDK owns it until it is settled.
struct QueueMessage {
    std::string message_context;  // the store's name for this delivery, passed to delete_message and on_fail
    std::string message;          // the body
    std::optional<std::string> key = std::nullopt;  // nullopt: none; an empty one is a key
    std::uint32_t delivery_count = 0;               // 1: the first time; 0: the store does not count
    std::vector<Header> headers = {};
    // Identifies the message permanently: the same at each delivery. Set it if message_context is a receipt
    // that differs for each delivery. nullopt: message_context is the id. Empty: the message has no id.
    std::optional<std::string> id = std::nullopt;
    std::int64_t timestamp_ms = 0;  // when it was produced, Unix; 0 unknown
};

// The reason why a message is put back.
struct Failure {
    // true: the message did not fail, and may not have been started; for example, the engine stops. Deliver
    // it again soon, and do not count this delivery if the store allows it.
    bool is_release = false;
    std::uint32_t reason = VOLLEY_REASON_NONE;  // VOLLEY_REASON_…
    std::uint64_t delay_ms = 0;                 // the minimum delay; only if the class has can_delay
    std::uint32_t attempts = 0;                 // made so far
    std::string_view text = {};                 // the error text; valid during the call
};

// The parts of a record beside the body. A class that stores keys, headers, delays or tombstones declares it
// (plugin.hpp): static constexpr bool can_key = true;
struct Options {
    std::optional<std::string_view> key = std::nullopt;
    std::string_view id = {};  // stable across retries, for deduplication
    std::uint64_t delay_ms = 0;
    Headers headers = {};
    bool is_tombstone = false;      // there is no body; only if the class has can_tombstone
    std::int64_t timestamp_ms = 0;  // the message's time, Unix; 0: now
    std::int32_t partition = -1;    // -1: the store chooses
};

}  // namespace v1
}  // namespace volley
