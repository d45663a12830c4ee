// The optional envelope, by which keys and headers pass through a store that has only bodies:
//
//     {"volley":1,"headers":{"name":"value","again":["a","b"]},"key":"…","body":"…"}
//
// A text that is no UTF-8 is {"base64":"…"}; an absent header value is null; `key` and `headers` may be
// missing.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "volley/abi.hpp"

namespace volley::rsmq {

// What an opened envelope lends its views from.
struct Opened {
    std::deque<std::string> texts;
    std::vector<volley_header> headers;
    volley_view key{};
    volley_view body{};
};

std::string put_into_envelope(const volley_record& record);

// Returns false if `stored` is no envelope: then it is the body itself.
bool open_envelope(std::string_view stored, Opened& out);

}  // namespace volley::rsmq
