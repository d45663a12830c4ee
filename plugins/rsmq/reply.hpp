// Checks the form of replies. The peer may not be Redis, or a proxy may truncate and mix up replies, so no
// part of a reply is used before its form is checked. Pure.
#pragma once

#include <hiredis/hiredis.h>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace volley::rsmq {

inline bool is_integer(const redisReply& reply) { return reply.type == REDIS_REPLY_INTEGER; }

inline bool is_text(const redisReply& reply) {
    return reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS;
}

// An array of any length whose elements all satisfy `is`.
template <typename Is>
bool is_array_of(const redisReply& reply, Is&& is) {
    return reply.type == REDIS_REPLY_ARRAY && std::all_of(reply.element, reply.element + reply.elements,
                                                          [&](const redisReply* e) { return is(*e); });
}

// An array with one element for each character: i an integer, s a text, I an array of integers, S an array of
// texts.
inline bool has_form(const redisReply& reply, std::string_view kinds) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != kinds.size()) return false;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const redisReply& e = *reply.element[i];
        const bool fits = kinds[i] == 'i'   ? is_integer(e)
                          : kinds[i] == 's' ? is_text(e)
                          : kinds[i] == 'I' ? is_array_of(e, is_integer)
                                            : is_array_of(e, is_text);
        if (!fits) return false;
    }
    return true;
}

// An array whose elements come in groups of the same kinds: "ssi" for {id, body, rc, …}.
inline bool is_groups_of(const redisReply& reply, std::string_view kinds) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements % kinds.size() != 0) return false;
    for (std::size_t i = 0; i < reply.elements; ++i) {
        const redisReply& e = *reply.element[i];
        if (!(kinds[i % kinds.size()] == 'i' ? is_integer(e) : is_text(e))) return false;
    }
    return true;
}

}  // namespace volley::rsmq
