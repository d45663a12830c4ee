// Looking into a queue without taking anything, and taking single messages out, for dashboards and the
// command line.
#include <algorithm>
#include <cstdlib>

#include "consumer.hpp"

namespace volley::rsmq {

namespace {

std::int64_t now_ms(Connection& connection) {
    const Reply time = connection.command({"TIME"});
    return std::strtoll(time->element[0]->str, nullptr, 10) * 1000 +
           std::strtoll(time->element[1]->str, nullptr, 10) / 1000;
}

std::int32_t stats(void* instance, volley_stats* out, volley_error* error) {
    return detail::guard(error, [&] {
        Connection& c = static_cast<RsmqConsumer*>(instance)->connection();
        const Settings& s = c.settings();
        const std::string now = std::to_string(now_ms(c));
        const auto ready = c.command({"ZCOUNT", s.set_key, "-inf", now})->integer;
        const auto all = c.command({"ZCARD", s.set_key})->integer;
        out->ready = ready;
        out->in_flight = all - ready;  // hidden: delivered, or delayed; RSMQ does not tell which
        out->delayed = -1;
        out->dead = -1;
        out->oldest_ms = -1;
    });
}

void fill(volley_message& m, const redisReply* id, const redisReply* body) {
    m.id = {id->str, id->len};
    m.body = {body->str, body->len};
    m.partition = -1;
    m.offset = -1;
}

std::int32_t peek(void* instance, volley_batch* batch, std::uint64_t skip, volley_error* error) {
    return detail::guard(error, [&] {
        auto& consumer = *static_cast<RsmqConsumer*>(instance);
        Connection& c = consumer.connection();
        const Settings& s = c.settings();
        batch->count = 0;
        const std::string first = std::to_string(skip);
        const std::string last = std::to_string(skip + batch->capacity - 1);
        // One script, so that ids and bodies are of one moment.
        static constexpr char text[] = R"lua(
local ids = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2])
local out = {}
for i, id in ipairs(ids) do
  local body = redis.call('HGET', KEYS[2], id)
  if body then out[#out + 1] = id; out[#out + 1] = body end
end
return out
)lua";
        Script script{text};
        Reply reply = c.run(script, {s.set_key, s.hash_key}, {first, last});
        for (std::size_t i = 0; i + 1 < reply->elements; i += 2) {
            fill(element(batch->messages, batch->message_size, batch->count++), reply->element[i],
                 reply->element[i + 1]);
        }
        consumer.keep(std::move(reply));
    });
}

std::int32_t check(void* instance, std::uint32_t, volley_error* error) {
    return detail::guard(error,
                         [&] { static_cast<RsmqConsumer*>(instance)->connection().command({"PING"}); });
}

std::int32_t purge(void* instance, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        Connection& c = static_cast<RsmqConsumer*>(instance)->connection();
        const Settings& s = c.settings();
        static constexpr char text[] = R"lua(
local ids = redis.call('ZRANGE', KEYS[1], 0, -1)
for _, id in ipairs(ids) do redis.call('HDEL', KEYS[2], id, id .. ':rc', id .. ':fr') end
redis.call('DEL', KEYS[1])
return #ids
)lua";
        Script script{text};
        *removed = static_cast<std::uint64_t>(c.run(script, {s.set_key, s.hash_key}, {})->integer);
    });
}

std::int32_t find(void* instance, volley_view id, volley_batch* batch, volley_error* error) {
    return detail::guard(error, [&] {
        auto& consumer = *static_cast<RsmqConsumer*>(instance);
        const Settings& s = consumer.connection().settings();
        batch->count = 0;
        static constexpr char text[] = "return {ARGV[1], redis.call('HGET', KEYS[1], ARGV[1])}";
        Script script{text};
        Reply reply = consumer.connection().run(script, {s.hash_key}, {volley::text_of(id)});
        if (reply->elements != 2 || reply->element[1]->type != REDIS_REPLY_STRING) return;
        fill(element(batch->messages, batch->message_size, batch->count++), reply->element[0],
             reply->element[1]);
        consumer.keep(std::move(reply));
    });
}

std::int32_t remove(void* instance, volley_view id, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        Connection& c = static_cast<RsmqConsumer*>(instance)->connection();
        const Settings& s = c.settings();
        const std::string_view name = volley::text_of(id);
        static constexpr char text[] = R"lua(
local n = redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1], ARGV[1] .. ':rc', ARGV[1] .. ':fr')
return n
)lua";
        Script script{text};
        *removed = static_cast<std::uint64_t>(c.run(script, {s.set_key, s.hash_key}, {name})->integer);
    });
}

constexpr volley_ext_inspect functions{
    sizeof(volley_ext_inspect), 0, &stats, &peek, &check, &purge, &find, &remove};

}  // namespace

const volley_ext_inspect* inspect_functions() { return &functions; }

}  // namespace volley::rsmq
