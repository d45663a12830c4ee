// One librdkafka consumer, and the failure that ends it.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client.hpp"

namespace volley::kafka {

// Thread: one at a time, unless stated otherwise.
class ConsumerInstance {
public:
    // Both are called with the owner, by the thread that polls.
    struct Callbacks {
        void* owner;
        void (*on_rebalance)(rd_kafka_t* rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                             void* client);
        void (*on_statistics)(void* owner, std::string_view json);
    };

    // Does not connect yet. Throws Error{config}.
    ConsumerInstance(Context context, const Callbacks& callbacks);
    // See destroy() in client.hpp. Requires: no message of it is lent.
    ~ConsumerInstance();
    ConsumerInstance(const ConsumerInstance&) = delete;
    ConsumerInstance& operator=(const ConsumerInstance&) = delete;

    // Creates the librdkafka consumer, unless there is one, and waits up to `timeout_ms` for a broker. Throws
    // Error{config}, Error{unauthorized}, Error{retry}.
    void open(int timeout_ms);
    // Joins the group. Throws Error{config}.
    void subscribe();
    bool is_subscribed() const { return is_subscribed_; }

    // Null before open, and after an instance was abandoned.
    rd_kafka_t* rk() const { return rk_; }
    const Context& context() const { return client_->context; }
    const Properties& properties() const { return properties_; }
    std::string last_error() const { return client_->last_error.text(); }

    // Ends a wait in rd_kafka_consumer_poll. Thread: any.
    void interrupt();

    // Makes throw_if_failed() throw `error`.
    void fail(Error error) { failure_ = std::move(error); }
    bool has_failed() const { return failure_.has_value(); }
    // Throws the error given to fail(), or librdkafka's fatal error: Error{fenced}, Error{fatal}.
    void throw_if_failed() const;

    // Begins to leave the group; rd_kafka_consumer_poll continues this until has_left().
    void begin_leaving();
    bool has_left() const;
    // Abandons an instance that has not left, with a warning: destroying it could block.
    void end_leaving();

private:
    std::unique_ptr<Client> client_;
    Properties properties_;
    Callbacks callbacks_;
    rd_kafka_t* rk_ = nullptr;
    rd_kafka_queue_t* queue_ = nullptr;  // the consumer's own, for interrupt()
    bool is_subscribed_ = false;
    bool is_leaving_ = false;
    bool is_abandoned_ = false;
    std::optional<Error> failure_;
};

}  // namespace volley::kafka
