// volley.inspect/1. AMQP cannot browse: messages are received without an ack, on a separate connection, and
// put back when it ends. The broker then marks them as delivered before.
#include <algorithm>
#include <functional>

#include "consumer.hpp"
#include "queue_options.hpp"

namespace volley::amqp {

namespace {

constexpr std::uint64_t peek_bytes = 8U << 20U;
constexpr std::uint64_t most_searched = 100'000;

AmqpConsumer& consumer_of(void* instance) { return *static_cast<AmqpConsumer*>(instance); }

// Takes the next message, or returns null.
std::unique_ptr<Message> get(Connection& connection) {
    const Settings& s = connection.settings();
    const amqp_rpc_reply_t reply = amqp_basic_get(connection.state(), channel, bytes_of(s.queue), 0);
    connection.check(reply, "cannot look at the queue " + s.queue);
    if (reply.reply.id != AMQP_BASIC_GET_OK_METHOD) return nullptr;
    const auto& got = *static_cast<const amqp_basic_get_ok_t*>(reply.reply.decoded);
    auto message = std::make_unique<Message>();
    message->tag = got.delivery_tag;
    read_delivery(*message, text_of(got.exchange), text_of(got.routing_key), got.redelivered != 0);
    Assembly assembly;
    assembly.begin(std::move(message), s.queue);
    amqp_frame_t frame{};
    while (connection.next_frame(frame, s.command_timeout_ms, -1))
        if (auto complete = assembly.add(frame)) return complete;
    connection.drop();
    throw Error(ErrorCode::retry,
                "the broker at " + s.place() + " does not send the message that it announced");
}

// Calls `look` with each message until it returns false, and puts all of them back.
void browse(AmqpConsumer& consumer, const std::function<bool(Connection&, std::unique_ptr<Message>)>& look) {
    consumer.shown().clear();
    Connection connection(consumer.settings(), 0);
    connection.open();
    for (std::uint64_t i = 0; i < most_searched; ++i) {
        std::unique_ptr<Message> message = get(connection);
        if (!message || !look(connection, std::move(message))) break;
    }
    connection.close(connection.settings().command_timeout_ms);
}

void show(AmqpConsumer& consumer, volley_batch& batch) {
    for (const auto& message : consumer.shown())
        message->show(element(batch.messages, batch.message_size, batch.count++), true);
}

std::int32_t stats(void* instance, volley_stats* out, volley_error* error) {
    return detail::guard(error, [&] {
        Connection& connection = consumer_of(instance).connection();
        if (!connection.is_open()) throw Error(ErrorCode::retry, "there is no connection to the broker");
        out->in_flight = out->delayed = out->dead = out->oldest_ms = -1;
        try {
            out->ready = look_at_queue(connection).messages;
        } catch (const Error& failure) {
            // The next consume declares a missing queue, or reports that it must exist.
            throw Error(ErrorCode::retry, failure.text);
        }
    });
}

std::int32_t peek(void* instance, volley_batch* batch, std::uint64_t skip, volley_error* error) {
    return detail::guard(error, [&] {
        batch->count = 0;
        if (batch->capacity == 0) return;
        AmqpConsumer& consumer = consumer_of(instance);
        const std::uint64_t most = std::min(batch->max_bytes > 0 ? batch->max_bytes : peek_bytes, peek_bytes);
        std::uint64_t bytes = 0, passed = 0;
        browse(consumer, [&](Connection&, std::unique_ptr<Message> message) {
            if (passed++ < skip) return true;
            bytes += message->body.size();
            consumer.shown().push_back(std::move(message));
            return consumer.shown().size() < batch->capacity && bytes < most;
        });
        show(consumer, *batch);
    });
}

std::int32_t check(void* instance, std::uint32_t, volley_error* error) {
    return detail::guard(error, [&] {
        Connection& connection = consumer_of(instance).connection();
        connection.open();
        look_at_queue(connection);
    });
}

std::int32_t purge(void* instance, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        Connection& connection = consumer_of(instance).connection();
        connection.open();
        const std::string& queue = connection.settings().queue;
        const amqp_queue_purge_ok_t* purged = amqp_queue_purge(connection.state(), channel, bytes_of(queue));
        if (purged == nullptr) connection.check("cannot purge the queue " + queue);
        *removed = purged != nullptr ? purged->message_count : 0;
    });
}

std::int32_t find(void* instance, volley_view id, volley_batch* batch, volley_error* error) {
    return detail::guard(error, [&] {
        batch->count = 0;
        AmqpConsumer& consumer = consumer_of(instance);
        browse(consumer, [&](Connection&, std::unique_ptr<Message> message) {
            if (message->id.empty() || message->id != volley::text_of(id)) return true;
            consumer.shown().push_back(std::move(message));
            return false;
        });
        show(consumer, *batch);
    });
}

std::int32_t remove(void* instance, volley_view id, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        *removed = 0;
        browse(consumer_of(instance), [&](Connection& connection, std::unique_ptr<Message> message) {
            if (message->id.empty() || message->id != volley::text_of(id)) return true;
            connection.check_sent(amqp_basic_ack(connection.state(), channel, message->tag, 0),
                                  "cannot remove");
            *removed = 1;
            return false;
        });
    });
}

constexpr volley_ext_inspect functions{
    sizeof(volley_ext_inspect), 0, &stats, &peek, &check, &purge, &find, &remove};

}  // namespace

const volley_ext_inspect* inspect_functions() { return &functions; }

}  // namespace volley::amqp
