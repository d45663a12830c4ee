// volley.inspect/1: shows a queue without receiving, and deletes messages, for dashboards and the
// command line.
#include <algorithm>

#include "consumer.hpp"
#include "lua.hpp"
#include "message_id.hpp"
#include "reply.hpp"

namespace volley::rsmq {

namespace {

// At most this many hidden messages are examined to count the delayed ones. With more, `delayed` is a lower
// bound.
constexpr const char* max_examined = "5000";
constexpr std::uint64_t peek_bytes = 8U << 20U;
constexpr std::uint64_t peek_batch = 1000;

RsmqConsumer& consumer_of(void* instance) { return *static_cast<RsmqConsumer*>(instance); }

template <typename Is>
Reply run(RsmqConsumer& consumer, const char* text, const Words& arguments, Is&& is_sound) {
    Script script{text};
    const Settings& s = consumer.settings();
    Connection& connection = consumer.connection();
    Reply reply = connection.run(script, {s.set_key, s.hash_key}, arguments);
    const bool sound = is_sound(*reply);
    return connection.expected(std::move(reply), sound);
}

bool is_stats_reply(const redisReply& reply) { return has_form(reply, "iiii") || has_form(reply, "iiiis"); }

bool is_message_list(const redisReply& reply) { return is_groups_of(reply, "ssi"); }

std::int32_t stats(void* instance, volley_stats* out, volley_error* error) {
    return detail::guard(error, [&] {
        RsmqConsumer& consumer = consumer_of(instance);
        const Reply reply = run(consumer, stats_script, {max_examined}, is_stats_reply);
        const auto prefetched = static_cast<std::int64_t>(consumer.receiver().prefetched());
        const auto value = [&](std::size_t i) {
            return static_cast<std::int64_t>(reply->element[i]->integer);
        };
        out->ready = value(1) + prefetched;
        out->delayed = value(3);
        out->in_flight = value(2) - value(3) - prefetched;
        out->dead = -1;
        out->oldest_ms = -1;
        if (reply->elements < 5) return;
        const std::int64_t sent = sent_ms(text_of(reply->element[4]));
        if (sent > 0) out->oldest_ms = std::max<std::int64_t>(value(0) - sent, 0);
    });
}

std::int32_t peek(void* instance, volley_batch* batch, std::uint64_t skip, volley_error* error) {
    return detail::guard(error, [&] {
        batch->count = 0;
        if (batch->capacity == 0) return;
        const std::string first = std::to_string(skip);
        const std::string last =
            std::to_string(skip + std::min<std::uint64_t>(batch->capacity, peek_batch) - 1);
        const std::string bytes =
            std::to_string(std::min(batch->max_bytes > 0 ? batch->max_bytes : peek_bytes, peek_bytes));
        RsmqConsumer& consumer = consumer_of(instance);
        consumer.show(*batch, run(consumer, peek_script, {first, last, bytes}, is_message_list));
    });
}

std::int32_t check(void* instance, std::uint32_t, volley_error* error) {
    return detail::guard(error, [&] { consumer_of(instance).connection().command({"PING"}); });
}

std::int32_t purge(void* instance, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        RsmqConsumer& consumer = consumer_of(instance);
        const auto& key = consumer.settings().set_key;
        // Messages that are sent meanwhile are kept: otherwise the purge of a busy queue would never end.
        Reply count = consumer.connection().command({"ZCARD", key});
        const bool is_sound = is_integer(*count) && count->integer >= 0;
        count = consumer.connection().expected(std::move(count), is_sound);
        const auto there = static_cast<std::uint64_t>(count->integer);
        *removed = 0;
        while (*removed < there) {
            const std::string most = std::to_string(std::min<std::uint64_t>(there - *removed, 1000));
            const auto n = run(consumer, purge_script, {most}, is_integer)->integer;
            if (n <= 0) return;
            *removed += static_cast<std::uint64_t>(n);
        }
    });
}

std::int32_t find(void* instance, volley_view id, volley_batch* batch, volley_error* error) {
    return detail::guard(error, [&] {
        RsmqConsumer& consumer = consumer_of(instance);
        consumer.show(*batch, run(consumer, find_script, {volley::text_of(id)}, is_message_list));
    });
}

std::int32_t remove(void* instance, volley_view id, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        const Reply reply = run(consumer_of(instance), remove_script, {volley::text_of(id)}, is_integer);
        *removed = static_cast<std::uint64_t>(reply->integer);
    });
}

constexpr volley_ext_inspect functions{
    sizeof(volley_ext_inspect), 0, &stats, &peek, &check, &purge, &find, &remove};

}  // namespace

const volley_ext_inspect* inspect_functions() { return &functions; }

}  // namespace volley::rsmq
