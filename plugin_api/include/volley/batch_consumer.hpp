// The SDK's consumer of whole batches, without copies, and its optional capabilities. Header-only, C++17.
//
//     struct Topic : volley::BatchConsumer, volley::Leases, volley::Inspectable {
//         explicit Topic(const volley::Context&);
//         …
//     };
//     VOLLEY_PLUGIN("topic", "1.0.0", VOLLEY_CLASS(Topic));
//
// The structs are those of plugin.h, which documents each field. Threads are also as documented there: one
// thread calls everything except interrupt. Exceptions are handled as in a Consumer.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "volley/plugin.h"
#include "volley/strided.hpp"

namespace volley {
inline namespace v1 {

// Room for the messages of one consume.
class Batch {
public:
    explicit Batch(volley_batch& batch) : batch_(batch) {}

    // True if there is no room, or the bodies have reached the batch's limit in bytes.
    bool is_full() const {
        if (batch_.count == batch_.capacity) return true;
        if (batch_.max_bytes == 0) return false;
        for (; counted_ < batch_.count; ++counted_)
            bytes_ += element(batch_.messages, batch_.message_size, counted_).body.size;
        return bytes_ >= batch_.max_bytes;
    }
    std::uint32_t size() const { return batch_.count; }
    std::uint32_t room() const { return batch_.capacity - batch_.count; }
    // Adds a message and returns it for the caller to fill: at least `handle`, which must be unique among
    // open deliveries. Its views must stay valid until it is settled. Requires: room() > 0.
    volley_message& add() { return element(batch_.messages, batch_.message_size, batch_.count++); }

private:
    volley_batch& batch_;
    mutable std::uint32_t counted_ = 0;  // messages in bytes_
    mutable std::uint64_t bytes_ = 0;
};

class BatchConsumer {
public:
    // The constructor checks the configuration and does no I/O: it runs twice.
    virtual ~BatchConsumer() = default;
    virtual void open() {}
    // Waits up to `timeout` for the first message, adds it, and adds further available messages without
    // waiting. Messages that were added before an exception are delivered; the exception is handled after
    // them.
    virtual void consume(Batch& batch, std::chrono::milliseconds timeout) = 0;
    // Called after each consume. true: there will never be more messages.
    virtual bool is_at_end() { return false; }
    // Sets the `result` of each: VOLLEY_OK, VOLLEY_E_LOST. If a result is not set, the delivery is settled
    // again. An ACK with a reason is for a message that failed permanently.
    virtual void settle(Strided<volley_settlement> settlements) = 0;
    // Optional: serves the client library's events while the engine takes no messages.
    virtual void poll(std::chrono::milliseconds /*timeout*/) {}
    // Optional: makes a waiting consume or poll return now, or the next one immediately. Any thread.
    virtual void interrupt() {}
    virtual void close(std::chrono::milliseconds /*timeout*/) {}
    virtual std::string identity() { return {}; }  // optional, as Consumer::identity
};

// The deliveries whose leases are to be extended. An unmarked one counts as extended.
class LeaseList {
public:
    LeaseList(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count)
        : handles_(handles), results_(results), count_(count) {}

    std::uint32_t size() const { return count_; }
    // Requires: i < size().
    std::uint64_t handle(std::uint32_t i) const { return handles_[i]; }
    void lost(std::uint32_t i) { results_[i] = VOLLEY_E_LOST; }    // another consumer has it, or may have it
    void retry(std::uint32_t i) { results_[i] = VOLLEY_E_RETRY; }  // not now; its lease keeps running

private:
    const std::uint64_t* handles_;
    std::int32_t* results_;
    std::uint32_t count_;
};

// Base of a consumer whose messages have a lease_ms.
class Leases {
public:
    virtual ~Leases() = default;
    // Called when a third of the shortest lease has passed.
    virtual void extend(LeaseList leases, std::chrono::milliseconds lease) = 0;
};

// Base of a consumer that reads partitions, which are assigned and revoked.
class Partitioned {
public:
    virtual ~Partitioned() = default;
    virtual void pause(Strided<const volley_partition>) {}   // optional
    virtual void resume(Strided<const volley_partition>) {}  // optional

    // Called by the engine before open().
    void listen(const volley_partition_events* events) { events_ = events; }

protected:
    // Call both only from inside open, consume, poll and close, on their thread, and not from inside each
    // other. revoked() returns when the partitions may be given up: the engine calls settle and commit from
    // inside it.
    void assigned(const std::vector<volley_partition>& partitions) {
        if (events_ != nullptr)
            events_->assigned(events_->context, partitions.data(), size_of(partitions),
                              sizeof(volley_partition));
    }
    void revoked(const std::vector<volley_partition>& partitions, bool lost) {
        if (events_ != nullptr)
            events_->revoked(events_->context, partitions.data(), size_of(partitions),
                             sizeof(volley_partition), lost ? 1 : 0);
    }

private:
    static std::uint32_t size_of(const std::vector<volley_partition>& partitions) {
        return static_cast<std::uint32_t>(partitions.size());
    }
    const volley_partition_events* events_ = nullptr;
};

// Base of a consumer that reads a log, which stores one offset per partition as progress. An ACK then only
// closes the delivery.
class OffsetLog {
public:
    virtual ~OffsetLog() = default;
    // Stores the next offsets to read. wait: these and all earlier ones are stored when it returns, even if
    // there are none now. Throws Error{lost} if an epoch is over; the others are stored.
    virtual void commit(Strided<const volley_partition> next, bool wait,
                        std::chrono::milliseconds timeout) = 0;
};

}  // namespace v1
}  // namespace volley
