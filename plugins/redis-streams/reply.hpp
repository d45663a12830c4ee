// Checks the form of replies. The peer may not be Redis, so no part of a reply is used before its form is
// checked. Pure.
#pragma once

#include <hiredis/hiredis.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

namespace volley::streams {

struct FreeReply {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

// Requires: a text or an error.
inline std::string_view text_of(const redisReply& reply) { return {reply.str, reply.len}; }

inline bool is_integer(const redisReply& reply) { return reply.type == REDIS_REPLY_INTEGER; }

inline bool is_nil(const redisReply& reply) { return reply.type == REDIS_REPLY_NIL; }

inline bool is_error(const redisReply& reply) { return reply.type == REDIS_REPLY_ERROR; }

inline bool is_text(const redisReply& reply) {
    return reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS;
}

inline bool is_array(const redisReply& reply) { return reply.type == REDIS_REPLY_ARRAY; }

// An array of any length whose elements all satisfy `is`.
template <typename Is>
bool is_array_of(const redisReply& reply, Is&& is) {
    return is_array(reply) && std::all_of(reply.element, reply.element + reply.elements,
                                          [&](const redisReply* e) { return is(*e); });
}

// An array with one element for each character: i an integer, s a text, I an array of integers, S an array of
// texts, A any array.
inline bool has_form(const redisReply& reply, std::string_view kinds) {
    if (!is_array(reply) || reply.elements != kinds.size()) return false;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const redisReply& e = *reply.element[i];
        const bool fits = kinds[i] == 'i'   ? is_integer(e)
                          : kinds[i] == 's' ? is_text(e)
                          : kinds[i] == 'I' ? is_array_of(e, is_integer)
                          : kinds[i] == 'S' ? is_array_of(e, is_text)
                                            : is_array(e);
        if (!fits) return false;
    }
    return true;
}

}  // namespace volley::streams
