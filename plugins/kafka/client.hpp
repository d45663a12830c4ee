// Code that the consumer and the producer share: handling of librdkafka's log and errors, and the start and
// end of a client.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <mutex>
#include <string>

#include "properties.hpp"
#include "volley/abi.hpp"

namespace volley::kafka {

// True for missing permissions and wrong credentials: a retry does not help.
bool is_unauthorized(rd_kafka_resp_err_t code);
// An Error for such a code, with advice.
Error unauthorized(rd_kafka_resp_err_t code, const std::string& what);

// The last error that librdkafka reported. Thread: any.
class LastError {
public:
    void set(rd_kafka_resp_err_t code, std::string text);
    // Throws Error{unauthorized} once librdkafka has reported wrong credentials or an untrusted certificate.
    void throw_if_permanent() const;
    std::string text() const;

private:
    mutable std::mutex mutex_;
    rd_kafka_resp_err_t permanent_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string text_;
};

// The opaque pointer of a client's callbacks.
class Client {
public:
    explicit Client(Context c) : context(std::move(c)) {}

    // Forwards a line of librdkafka's log, unless the client is closed. Thread: any.
    void log(std::uint32_t level, const std::string& text) const;
    // From now on no callback uses the context: the host is gone once the instance is destroyed. Waits for a
    // call of log() that is in progress.
    void close();
    bool is_closed() const;

    Context context;
    LastError last_error;
    void* owner = nullptr;  // the consumer or producer, for its own callbacks
    // Receives librdkafka's statistics (JSON), on the thread that polls.
    void (*on_statistics)(void* owner, std::string_view statistics) = nullptr;

private:
    mutable std::mutex mutex_;  // held while the context's log is called
    bool is_closed_ = false;
};

// Installs log and error callbacks, and the Client as the opaque pointer of all callbacks.
void set_callbacks(rd_kafka_conf_t* conf, Client& client);

// Destroys a client, with RD_KAFKA_DESTROY_F_… as flags. librdkafka's own destroy has no timeout: 2.0.2 waits
// forever for a partition of a deleted topic (librdkafka #4724). After three seconds this function returns,
// and the destruction continues in the background with a closed Client.
void destroy(rd_kafka_t* rk, int flags, std::unique_ptr<Client> client);
// Closes a Client and leaks it: librdkafka may call its callbacks until the process ends.
void abandon(std::unique_ptr<Client> client);

// Requests metadata until a broker answers, for at most `timeout_ms`. Must be called before the main queue is
// redirected. Throws as throw_if_permanent(), or Error{retry} with the brokers and the last error.
void wait_for_broker(rd_kafka_t* rk, Client& client, const Properties& properties, int timeout_ms);

// Makes a consumer check now whether its queue has room for more (queued.min.messages,
// queued.max.messages.kbytes). Once librdkafka 2.0.2 has stopped fetching, it checks only once a second, even
// if the queue is empty much earlier: a consumer that reads 100,000 messages in 0.1 s is idle for the rest of
// the second. Newer versions have fetch.queue.backoff.ms; with them this function does nothing. Takes
// microseconds.
void resume_fetching(rd_kafka_t* rk, const Properties& properties);

}  // namespace volley::kafka
