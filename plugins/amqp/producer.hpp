// The producer of a queue or an exchange: publishes a batch, and waits until the broker has confirmed each
// message. Every message is mandatory: the broker returns messages that no queue accepts.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "connection.hpp"
#include "volley/abi.hpp"

namespace volley::amqp {

// A record that was published and is not confirmed yet.
struct Published {
    const volley_record* record;
    std::string message_id;
    std::int32_t status;  // VOLLEY_PENDING until it is confirmed
    std::string why;      // it was returned or refused
};
using PublishedBatch = std::deque<Published>;

// Reads confirms and returns. Pure.
class Confirms {
public:
    // For a new channel, whose tags begin at 1.
    void reset() { *this = {}; }
    // Processes a frame that may concern the batch. Only this batch is unconfirmed.
    void take(const amqp_frame_t& frame, PublishedBatch& batch);
    // The batch is confirmed or given up: the next one begins after it.
    void pass(const PublishedBatch& batch) { confirmed_ += batch.size(); }
    // Why the broker accepts nothing now; empty: it does.
    const std::string& blocked() const { return blocked_; }

private:
    void confirm(PublishedBatch& batch, std::uint64_t tag, bool is_multiple, bool is_taken) const;

    std::uint64_t confirmed_ = 0;  // the tag before the first of the batch
    std::string returned_;         // why the message whose frames arrive is returned
    std::string blocked_;
};

// Used by one thread at a time.
class AmqpProducer {
public:
    // Throws Error{config}. No I/O.
    AmqpProducer(Context context, volley_report_fn report, void* report_context);
    AmqpProducer(const AmqpProducer&) = delete;
    AmqpProducer& operator=(const AmqpProducer&) = delete;

    // See volley_producer_class.
    void open();
    // Reports every accepted record before it returns.
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted);
    void close(std::uint32_t timeout_ms);

private:
    void serve();
    bool publish(const volley_record& record, PublishedBatch& batch);
    void await_confirms(PublishedBatch& batch);
    void fail(PublishedBatch& batch, const Error& error);
    void report_all(const PublishedBatch& batch);
    void report_one(const volley_record& record, std::int32_t status, std::string_view why);
    void set_health(std::int32_t status, const std::string& why);

    Context context_;
    volley_report_fn report_;
    void* report_context_;
    Connection connection_;
    Confirms confirms_;
    std::string id_prefix_;
    std::uint64_t last_id_ = 0;
    std::uint64_t ready_epoch_ = 0;  // of the connection whose channel confirms
    std::uint32_t one_by_one_ = 0;   // this many records are published alone, to find the refused one
    bool is_down_ = false;           // the health that was reported last
};

}  // namespace volley::amqp
