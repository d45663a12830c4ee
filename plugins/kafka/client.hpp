// What consumer and producer share: librdkafka's log and errors on their way to the engine, and the first
// contact.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "properties.hpp"
#include "volley/abi.hpp"

namespace volley::kafka {

// Rights and credentials: waiting does not bring them.
bool is_unauthorized(rd_kafka_resp_err_t code);
// The same as an Error, with what to do.
Error unauthorized(rd_kafka_resp_err_t code, const std::string& what);

// Keeps what librdkafka last said was wrong. Filled from its threads.
class Trouble {
public:
    void note(rd_kafka_resp_err_t code, std::string text);
    // Throws what is known to be beyond waiting: wrong credentials, an untrusted certificate, a fenced or
    // broken instance.
    void throw_if_final() const;
    std::string last() const;

private:
    mutable std::mutex mutex_;
    rd_kafka_resp_err_t final_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string text_;
};

// The opaque of a client: where its callbacks lead.
struct Client {
    explicit Client(Context c) : context(std::move(c)) {}
    Context context;
    Trouble trouble;
    std::atomic<bool> over{false};  // the instance is gone; its client may go on talking
    void* owner = nullptr;          // the consumer or producer, for its own callbacks
    // What it does with librdkafka's statistics (JSON); called where its events are served.
    void (*counted)(void* owner, std::string_view statistics) = nullptr;
};

// Installs log and error callbacks, and the Client as the opaque of all callbacks.
void set_callbacks(rd_kafka_conf_t* conf, Client& client);

// Ends a client, with RD_KAFKA_DESTROY_F_… as flags. librdkafka's own destroy has no deadline: in 2.0.2 it
// waits for ever for a partition of a deleted topic (librdkafka #4724). What does not end in time is left
// behind with its Client until the process ends.
void destroy(rd_kafka_t* rk, int flags, std::unique_ptr<Client> client);
// Leaves it behind at once.
void abandon(std::unique_ptr<Client> client);

// Asks a broker for metadata, at most `timeout_ms`, before the main queue is redirected. Throws Error{retry}
// that says who could not be reached and why, or what throw_if_final() throws.
void meet(rd_kafka_t* rk, Client& client, const Properties& properties, int timeout_ms);

// Has a consumer look at once whether its queue has room for more (queued.min.messages,
// queued.max.messages.kbytes). librdkafka 2.0.2 that has stopped to fetch looks once a second, however soon
// the queue is empty: what reads 100,000 messages in a tenth of one stands still for the rest. Newer ones
// have fetch.queue.backoff.ms, and need not be told. Costs microseconds.
void resume_fetching(rd_kafka_t* rk, const Properties& properties);

}  // namespace volley::kafka
