#include "queue_options.hpp"

#include "rabbitmq.hpp"
#include "table.hpp"

namespace volley::amqp {

namespace {

QueueState declare(Connection& connection, bool is_passive) {
    const Settings& s = connection.settings();
    const QueueOptions& o = s.options;
    TableBuilder arguments;
    if (!is_passive) {
        if (o.is_quorum) arguments.add("x-queue-type", view_of("quorum"));
        if (o.dead_letter_exchange) arguments.add("x-dead-letter-exchange", view_of(*o.dead_letter_exchange));
        if (o.dead_letter_routing_key)
            arguments.add("x-dead-letter-routing-key", view_of(*o.dead_letter_routing_key));
        if (o.message_ttl_ms) arguments.add("x-message-ttl", *o.message_ttl_ms);
        if (o.max_length) {
            arguments.add("x-max-length", *o.max_length);
            // Otherwise the broker drops the oldest message silently.
            arguments.add("x-overflow", view_of("reject-publish"));
        }
    }
    const amqp_queue_declare_ok_t* declared =
        amqp_queue_declare(connection.state(), channel, bytes_of(s.queue), is_passive ? 1 : 0,
                           o.is_durable ? 1 : 0, 0, 0, arguments.table());
    if (declared == nullptr) connection.check("cannot declare the queue " + s.queue);
    return declared != nullptr ? QueueState{declared->message_count, declared->consumer_count} : QueueState{};
}

}  // namespace

QueueState declare_queue(Connection& connection) {
    return declare(connection, connection.settings().options.is_passive);
}

QueueState look_at_queue(Connection& connection) { return declare(connection, true); }

}  // namespace volley::amqp
