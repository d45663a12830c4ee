// How a message is stored as the fields of a stream entry:
//
//     body       the body (the name is configurable)
//     key        the key, if there is one (the name is configurable)
//     tombstone  "1" instead of the body, if the body is absent
//     h:NAME     a header; repeated names are kept, in order
//     n:NAME     a header whose value is absent
//
// Entries of other producers may have other fields: each becomes a header with the field's name.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "volley/abi.hpp"

namespace volley::streams {

// Consumers whose names have this prefix are Volley's, and may be deleted when they are idle for a long time.
inline constexpr std::string_view own_consumers = "volley-";

struct Layout {
    std::string body_field = "body";
    std::string key_field = "key";
};

// A field that the layout uses for something other than body and key.
bool is_reserved_field(std::string_view name);

// Fields and values as the words of a command, in order. Owns the names that it builds, and borrows the rest
// from the record and the layout.
struct Fields {
    std::vector<std::string_view> words;
    std::deque<std::string> names;
};
Fields fields_of(const volley_record& record, const Layout& layout);

// Whether a reply has the form of an entry, {id, {field, value, …}}.
bool is_entry(const redisReply& reply);

// The bytes of all fields and values. Requires: is_entry.
std::size_t bytes_of(const redisReply& entry);

// Fills id, body, key, headers and time, with views into the entry and into an element that it may append to
// `headers`. Requires: is_entry.
void fill_message(volley_message& message, const redisReply& entry, const Layout& layout,
                  std::deque<std::vector<volley_header>>& headers);

// Whether the text has the form of an entry's id: two numbers with a hyphen between.
bool is_entry_id(std::string_view text);

}  // namespace volley::streams
