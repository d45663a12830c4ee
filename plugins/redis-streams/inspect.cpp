// volley.inspect/1: shows a stream without receiving, and deletes entries, for dashboards and the command
// line.
#include <algorithm>

#include "consumer.hpp"

namespace volley::streams {

namespace {

constexpr std::uint64_t peek_bytes = 8U << 20U;
constexpr std::uint64_t peek_page = 500;

StreamConsumer& consumer_of(void* instance) { return *static_cast<StreamConsumer*>(instance); }

template <typename Is>
Reply run(StreamConsumer& consumer, const char* text, Words arguments, Is&& is_sound) {
    Script script{text};
    Connection& connection = consumer.connection();
    arguments.insert(arguments.begin(), connection.settings().group);
    Reply reply = connection.run(script, arguments);
    const bool sound = is_sound(*reply);
    return connection.expected(std::move(reply), sound);
}

bool is_message_list(const redisReply& reply) {
    if (!is_array(reply) || reply.elements % 2 != 0) return false;
    for (std::size_t i = 0; i < reply.elements; i += 2)
        if (!is_entry(*reply.element[i]) || !is_integer(*reply.element[i + 1])) return false;
    return true;
}

Reply list(StreamConsumer& consumer, const std::string& after, std::uint64_t count, std::uint64_t bytes) {
    const std::string most = std::to_string(count), most_bytes = std::to_string(bytes);
    return run(consumer, list_script, {after, most, most_bytes}, is_message_list);
}

// Moves the position past the entries of the reply.
void pass(PeekPosition& position, const redisReply& reply) {
    if (reply.elements == 0) return;
    position.skip += reply.elements / 2;
    position.id = text_of(*reply.element[reply.elements - 2]->element[0]);
}

std::int32_t stats(void* instance, volley_stats* out, volley_error* error) {
    return detail::guard(error, [&] {
        const Reply reply = run(consumer_of(instance), stats_script, {},
                                [](const redisReply& r) { return has_form(r, "iiiii"); });
        const auto value = [&](std::size_t i) {
            return static_cast<std::int64_t>(reply->element[i]->integer);
        };
        out->ready = value(0);
        out->in_flight = value(1);
        out->delayed = value(2);
        out->dead = -1;
        out->oldest_ms = value(3) < 0 ? -1 : std::max<std::int64_t>(value(4) - value(3), 0);
    });
}

std::int32_t peek(void* instance, volley_batch* batch, std::uint64_t skip, volley_error* error) {
    return detail::guard(error, [&] {
        batch->count = 0;
        if (batch->capacity == 0) return;
        StreamConsumer& consumer = consumer_of(instance);
        PeekPosition& position = consumer.peek_position();
        if (position.skip > skip) position = {};
        while (position.skip < skip) {
            const Reply passed =
                list(consumer, position.id, std::min(skip - position.skip, peek_page), peek_bytes);
            if (passed->elements == 0) return;
            pass(position, *passed);
        }
        const std::uint64_t bytes =
            std::min(batch->max_bytes > 0 ? batch->max_bytes : peek_bytes, peek_bytes);
        Reply reply = list(consumer, position.id, std::min<std::uint64_t>(batch->capacity, peek_page), bytes);
        pass(position, *reply);
        consumer.show(*batch, std::move(reply));
    });
}

std::int32_t check(void* instance, std::uint32_t, volley_error* error) {
    return detail::guard(error, [&] { consumer_of(instance).connection().command({"PING"}); });
}

// Empties the stream for all groups. Pending entries are forgotten when they are claimed.
std::int32_t purge(void* instance, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        Connection& connection = consumer_of(instance).connection();
        consumer_of(instance).peek_position() = {};
        Reply count = connection.command({"XTRIM", connection.settings().stream, "MAXLEN", "0"});
        const bool is_sound = is_integer(*count) && count->integer >= 0;
        count = connection.expected(std::move(count), is_sound);
        *removed = static_cast<std::uint64_t>(count->integer);
    });
}

std::int32_t find(void* instance, volley_view id, volley_batch* batch, volley_error* error) {
    return detail::guard(error, [&] {
        batch->count = 0;
        const std::string_view wanted = volley::text_of(id);
        if (!is_entry_id(wanted)) return;
        Script script{
            "local e = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]\nreturn e and {e, 0} or {}"};
        Connection& connection = consumer_of(instance).connection();
        Reply reply = connection.run(script, {wanted});
        const bool is_sound = is_message_list(*reply);
        consumer_of(instance).show(*batch, connection.expected(std::move(reply), is_sound));
    });
}

std::int32_t remove(void* instance, volley_view id, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        *removed = 0;
        consumer_of(instance).peek_position() = {};
        if (!is_entry_id(volley::text_of(id))) return;
        const Reply reply = run(consumer_of(instance), remove_script, {volley::text_of(id)}, is_integer);
        *removed = static_cast<std::uint64_t>(reply->integer);
    });
}

constexpr volley_ext_inspect functions{
    sizeof(volley_ext_inspect), 0, &stats, &peek, &check, &purge, &find, &remove};

}  // namespace

const volley_ext_inspect* inspect_functions() { return &functions; }

}  // namespace volley::streams
