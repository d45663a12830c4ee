// The optional envelope, which carries the key and headers of a message in its body:
//
//     {"volley":1,"headers":{"name":"value","again":["a","b"]},"key":"…","body":"…"}
//
// A text that is not UTF-8 is {"base64":"…"}. An absent header value is null. `key` and `headers` may be
// missing.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "volley/abi.hpp"

namespace volley::rsmq {

// A decoded envelope. Owns the data that its views refer to.
struct Opened {
    std::deque<std::string> texts;
    std::vector<volley_header> headers;
    volley_view key{};
    volley_view body{};
};

// Returns the envelope as JSON.
std::string put_into_envelope(const volley_record& record);

// Returns false if `stored` is not an envelope; then it is the body itself.
bool open_envelope(std::string_view stored, Opened& out);

}  // namespace volley::rsmq
