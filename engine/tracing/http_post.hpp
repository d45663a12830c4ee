// One POST over a connection of its own.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "tracing/deadline.hpp"
#include "tracing/endpoint.hpp"
#include "tracing/settings.hpp"
#include "volley/error.hpp"

namespace volley::tracing {

struct Answer {
    int status = 0;                       // 200 to 599
    std::chrono::seconds retry_after{0};  // 0: it says nothing
    std::string body;                     // at most 64 KiB; shorter if the other side ends or stalls
};

// Sends JSON and reads the answer, of which no more than 128 KiB. Redirects are not followed. Blocks until
// the deadline at most. Null in a program that does not link the collector's client.
[[gnu::weak]] Result<Answer> post(const Endpoint& endpoint, const Pairs& headers, std::string_view json,
                                  const Deadline& deadline);

// Takes the head of an answer apart: the status line and the headers, up to the empty line. For post() and
// its tests.
struct AnswerHead {
    int status = 0;
    std::chrono::seconds retry_after{0};
    std::size_t content_length = std::string_view::npos;  // npos: it says nothing
};
Result<AnswerHead> read_head(std::string_view head);

}  // namespace volley::tracing
