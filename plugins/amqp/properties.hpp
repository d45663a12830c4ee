// Converts AMQP messages to Volley's, and back. Properties are headers with the prefix "amqp.":
//
//     both ways   content_type, content_encoding, correlation_id, reply_to, type, app_id, priority
//     only read   message_id, expiration, user_id, exchange, routing_key, redelivered
//
// The key of a message is its header "volley-key". Headers in which the broker records a message's history
// (x-death and similar ones) are read and never written.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "config.hpp"
#include "rabbitmq.hpp"
#include "table.hpp"
#include "volley/abi.hpp"

namespace volley::amqp {

// A delivered message, with all data that its views refer to.
struct Message {
    std::uint64_t tag = 0;
    std::uint64_t epoch = 0;  // of the connection that delivered it
    std::string body;
    std::string id;
    std::string key;
    bool has_key = false;
    std::vector<volley_header> headers;
    std::deque<std::string> texts;
    std::int64_t timestamp_ms = 0;
    std::uint64_t earlier_deliveries = 0;
    bool is_redelivered = false;

    // Fills all fields except handle and lease, with views into this object.
    void show(volley_message& out, bool has_unique_ids) const;
};

// Copies the data of the delivery: where it was published, and whether it was delivered before.
void read_delivery(Message& message, std::string_view exchange, std::string_view routing_key,
                   bool is_redelivered);
// Copies properties and headers. `queue`: the queue that delivered it.
void read_properties(Message& message, const amqp_basic_properties_t& properties, std::string_view queue);

// The properties of a record. Borrows from the record, and contains pointers to itself, so it must not be
// moved.
class Properties {
public:
    // `fallback_id` becomes message_id if the record has none.
    Properties(const volley_record& record, std::string_view fallback_id, bool is_persistent);
    Properties(const Properties&) = delete;
    Properties& operator=(const Properties&) = delete;

    const amqp_basic_properties_t& get() const { return properties_; }
    std::string_view message_id() const;
    // Why the record cannot be published, or empty.
    const std::string& refusal() const { return refusal_; }

private:
    bool set_property(std::string_view name, const volley_view& value);
    void set_priority(std::string_view text);

    amqp_basic_properties_t properties_{};
    TableBuilder headers_;
    std::string refusal_;
};

}  // namespace volley::amqp
