// The queue that a producer stores into, with its attributes as last read: other clients may change them at
// any time with setQueueAttributes.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"
#include "send_notifications.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

// Used by one thread.
class OutputQueue {
public:
    explicit OutputQueue(Settings settings);

    Connection& connection() { return connection_; }
    const Settings& settings() const { return connection_.settings(); }

    const Attributes& attributes() const { return attributes_; }
    std::int64_t delay_ms() const { return delay_ms_; }
    void set_attributes(Attributes attributes);
    // Reads the attributes from Redis, and creates a missing queue if that is allowed. Returns whether
    // maxsize has changed. Throws as ensure_queue.
    bool reload_attributes();

    // Returns VOLLEY_OK, or the error because of which the queue can never store `stored` (the body of the
    // record, or the envelope around it); `why` is then its text.
    std::int32_t check(const volley_record& record, std::string_view stored, std::string& why) const;
    // The same, but reloads the attributes before it refuses a body as too large.
    std::int32_t check_reloaded(const volley_record& record, std::string_view stored, std::string& why);

    // Wakes the consumers of this queue in this process.
    void notify_consumers() const { notify_send(address_); }

private:
    Connection connection_;
    Attributes attributes_;
    std::int64_t delay_ms_ = 0;
    long maxsize_ = 65536;
    QueueAddress address_;
};

// Records that one script or transaction stores into one queue. Borrows the records and their bodies. Must
// not be moved once filled, because it holds views into itself.
struct SendBatch {
    std::vector<const volley_record*> records;
    std::deque<std::string> ids;
    std::deque<std::string> texts;  // delays and envelopes
    Words bodies;                   // id, body, …
    Words delays;                   // in ms; empty: the queue's
    bool has_delay = false;
    std::size_t bytes = 0;

    // Returns the stored form of the record: the body, or the envelope around it.
    std::string_view encode(const volley_record& record, bool use_envelope);
    void add(const volley_record& record, std::string_view stored, std::string id);
    // Appends the last arguments of the send script. `count` must outlive them.
    void append_to(Words& arguments, std::string& count) const;
};

// The length of a body in UTF-16 units, as node's rsmq counts it.
std::size_t rsmq_length(std::string_view body);

}  // namespace volley::rsmq
