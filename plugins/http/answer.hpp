// The HTTP responses of a consumer. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volley::http {

struct Answer {
    int status = 200;
    std::string body;                 // JSON, with a newline
    std::uint32_t retry_after_s = 0;  // 0: none
};

// {"status": …, "reason": …, "error": …}; empty parts are left out.
std::string answer_body(std::string_view status, std::string_view reason, std::string_view error);
Answer accepted();
// The message failed permanently. `reason`: a VOLLEY_REASON_… number.
Answer failed(std::uint32_t reason, std::string_view text);
// The client should try again.
Answer unavailable(std::uint32_t retry_after_s, std::string_view why);
Answer refused(int status, std::string_view why);

std::string to_response(const Answer& answer, bool keeps_alive);

}  // namespace volley::http
