// One librdkafka producer with its topic.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client.hpp"

namespace volley::kafka {

// True if the topic cannot be written to, whatever the record is.
inline bool is_topic_error(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

class ProducerInstance {
public:
    // Both are called with the owner, by the thread that polls.
    struct Callbacks {
        void* owner;
        void (*delivered)(rd_kafka_t* rk, const rd_kafka_message_t* message, void* client);
        void (*on_statistics)(void* owner, std::string_view json);
    };

    // Does not connect yet. The topic is the context's value. Throws Error{config}.
    ProducerInstance(const Context& context, const Properties& properties, const Callbacks& callbacks);
    // Drops every remaining message without a report. See destroy() in client.hpp.
    ~ProducerInstance();
    ProducerInstance(const ProducerInstance&) = delete;
    ProducerInstance& operator=(const ProducerInstance&) = delete;

    rd_kafka_t* rk() const { return rk_; }
    rd_kafka_topic_t* topic() const { return topic_; }
    Client& client() { return *client_; }

    // Requests the topic's metadata, and waits up to `timeout_ms` if the topic does not exist. Returns for
    // each partition whether it has a leader; nothing if no broker answers. Throws Error{unauthorized} and
    // Error{retry}.
    std::optional<std::vector<bool>> wait_for_topic(int timeout_ms);

    // Makes librdkafka give up every message, including those in flight. Blocks until its threads have done
    // so. After that, librdkafka refers to no body, and the next poll brings the reports.
    void purge();

private:
    std::unique_ptr<Client> client_;
    rd_kafka_t* rk_ = nullptr;
    rd_kafka_topic_t* topic_ = nullptr;
};

}  // namespace volley::kafka
