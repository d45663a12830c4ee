// The reply of the receive script (lua.hpp). Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "reply.hpp"

namespace volley::rsmq {

// Whether the reply has a form that the receive script returns.
inline bool is_receive_reply(const redisReply& reply) {
    if (has_form(reply, "") || has_form(reply, "ii") || has_form(reply, "iis")) return true;
    return has_form(reply, "iiSSIsi") && reply.element[1]->integer > 0 &&
           reply.element[2]->elements == reply.element[3]->elements;
}

// All below require is_receive_reply(reply).

// Whether the reply lists messages. The list may be empty: the receive found only ids without a body. An
// error reply has no messages either.
inline bool has_messages(const redisReply& reply) { return reply.elements == 7; }
inline bool is_queue_missing(const redisReply& reply) { return reply.elements == 0; }
// Whether a hidden message exists, and so the time at which the next one becomes visible.
inline bool has_next_visible(const redisReply& reply) { return reply.elements == 3; }

inline std::int64_t server_time_ms(const redisReply& reply) { return reply.element[0]->integer; }
inline const char* next_visible_at(const redisReply& reply) { return reply.element[2]->str; }

// These require has_messages(reply).
inline std::int64_t lease_ms(const redisReply& reply) {
    return std::min<std::int64_t>(reply.element[1]->integer, 9'999'999'000);  // more than RSMQ allows
}
inline const redisReply& ids(const redisReply& reply) { return *reply.element[2]; }
inline const redisReply& bodies(const redisReply& reply) { return *reply.element[3]; }
inline std::size_t message_count(const redisReply& reply) { return reply.element[2]->elements; }
inline std::string_view run_name(const redisReply& reply) {
    return {reply.element[5]->str, reply.element[5]->len};
}
inline std::int64_t total_received(const redisReply& reply) { return reply.element[6]->integer; }

// Iterates over the receive counts of a reply's messages, in order. The reply lists only the counts above 1.
class ReceiveCounts {
public:
    explicit ReceiveCounts(const redisReply& reply) : repeated_(*reply.element[4]) {}
    std::int64_t next() {
        ++place_;
        if (at_ + 1 >= repeated_.elements || repeated_.element[at_]->integer != place_) return 1;
        at_ += 2;
        return repeated_.element[at_ - 1]->integer;
    }

private:
    const redisReply& repeated_;  // place, count, …
    std::size_t at_ = 0;
    std::int64_t place_ = 0;
};

}  // namespace volley::rsmq
