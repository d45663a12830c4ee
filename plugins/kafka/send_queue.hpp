// The records that a producer has accepted but librdkafka does not have yet.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "delivery_reports.hpp"
#include "pacing.hpp"
#include "partition_queues.hpp"
#include "record_signal.hpp"

namespace volley::kafka {

class ProducerInstance;

// Keeps the order of the records that one thread adds. Thread: any, unless stated otherwise.
class SendQueue {
public:
    // `paced`: false hands everything to librdkafka immediately; see Pacing.
    SendQueue(const Properties& properties, bool paced, DeliveryReports& reports);

    // Adds as many of the records as may be outstanding, and returns how many.
    std::uint32_t add(const volley_record* records, std::uint32_t count, std::uint32_t stride);

    // Hands over as many records as pacing allows now. One thread at a time does this; the others leave their
    // records to it. The polling thread hands over the rest after the next delivery reports. Requires:
    // `instance` is not replaced meanwhile.
    void hand_over(ProducerInstance& instance);

    // Reports all records as not sent. Requires: no thread hands over meanwhile.
    void reject_all(rd_kafka_resp_err_t code);

    // The number of partitions of the topic in the latest metadata; 0: unknown.
    void note_partitions(std::size_t count) { partitions_.store(count); }
    // True if the latest count differs from the one in use.
    bool has_new_partitions() const;
    // Applies the latest count. Requires: no thread hands over meanwhile.
    void apply_partitions() { queues_.set_count(partitions_.load()); }
    // Thread: polling.
    void set_leader(std::int32_t partition, bool has_leader) { queues_.set_leader(partition, has_leader); }

    // librdkafka reported a message of this size in bytes. Thread: polling.
    void note_report(std::int32_t partition, std::size_t bytes) {
        if (partition != reported_.partition) release_reported();
        reported_.partition = partition;
        ++reported_.records;
        reported_.bytes += static_cast<std::int64_t>(bytes);
        signal_.add_reported();
    }
    // Makes room for the messages that were reported. Must be called after a series of note_report(). Thread:
    // polling.
    void release_reported();

    const Pacing& pacing() const { return pacing_; }
    RecordSignal& signal() { return signal_; }
    // True if the last hand-over left records of a partition without room.
    bool has_backlog() const { return has_backlog_.load(); }

private:
    // Consecutive reports of one partition, which are subtracted from its counts together.
    struct Reported {
        std::int32_t partition = -1;
        std::int64_t records = 0;
        std::int64_t bytes = 0;
    };
    // The added records. One thread at a time takes them.
    struct Inbox {
        std::mutex mutex;
        std::vector<QueuedRecord> records;
        bool is_taken = false;  // a thread hands over: it alone uses taken_ and queues_
        bool has_more = false;  // another thread wanted to hand over meanwhile
    };

    void send(ProducerInstance& instance);
    bool send_next(ProducerInstance& instance, PartitionQueue& queue);
    bool send_batch(ProducerInstance& instance, PartitionQueue& queue);
    bool has_room(const PartitionQueue& queue) const;
    bool advance(PartitionQueue& queue, rd_kafka_resp_err_t code);
    void add_in_flight(PartitionQueue& queue, std::int64_t records, std::int64_t bytes);

    DeliveryReports& reports_;
    Pacing pacing_;
    RecordSignal signal_;
    Inbox inbox_;
    std::vector<QueuedRecord> taken_;
    PartitionQueues queues_;
    bool chooses_partitions_;  // false: librdkafka does
    std::atomic<bool> has_backlog_{false};
    std::atomic<std::size_t> partitions_{0};
    Reported reported_;
};

}  // namespace volley::kafka
