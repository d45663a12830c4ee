#include "partition_queues.hpp"

#include <algorithm>
#include <utility>

namespace volley::kafka {

namespace {

// Subtracts, but not below zero: the records whose partition librdkafka chose were never added here.
void subtract(std::atomic<std::int64_t>& from, std::int64_t amount) {
    const std::int64_t left = from.fetch_sub(amount) - amount;
    if (left < 0) from.fetch_sub(left);
}

}  // namespace

PartitionQueues::PartitionQueues(const Properties& properties, Pacing::RequestLimits limits)
    : partitioner_(properties), limits_(limits) {}

void PartitionQueues::set_count(std::size_t partitions) {
    if (partitions == count_) return;
    while (partitions_.size() < partitions)
        partitions_.emplace_back(static_cast<std::int32_t>(partitions_.size()));
    count_ = partitions;
    sticky_.partition = 0;
    std::vector<QueuedRecord> unsent;
    drain(unsent);
    for (const QueuedRecord& record : unsent) add(record, Partitioner::Clock::now());
}

void PartitionQueues::add(const QueuedRecord& record, Partitioner::Clock::time_point now) {
    PartitionQueue& queue = queue_for(record, now);
    if (!queue.has_unsent()) unsent_.push_back(&queue);
    // Erases the sent records once they are at least half of all: each record is moved at most once.
    if (queue.sent * 2 >= queue.records.size()) {
        queue.records.erase(queue.records.begin(),
                            queue.records.begin() + static_cast<std::ptrdiff_t>(queue.sent));
        queue.sent = 0;
    }
    queue.records.push_back(record);
}

PartitionQueue& PartitionQueues::queue_for(const QueuedRecord& record, Partitioner::Clock::time_point now) {
    if (count_ == 0 || !partitioner_.is_supported()) return unassigned_;
    if (record.partition >= 0) {
        const auto chosen = static_cast<std::size_t>(record.partition);
        return chosen < count_ ? partitions_[chosen] : unassigned_;
    }
    const auto by_key = partitioner_.partition_of(record.key, static_cast<std::int32_t>(count_));
    return by_key ? partitions_[static_cast<std::size_t>(*by_key)] : sticky_queue(record, now);
}

// Stays with one partition, so that its requests are full: for one request's worth under load, otherwise for
// the partitioner's linger time.
PartitionQueue& PartitionQueues::sticky_queue(const QueuedRecord& record,
                                              Partitioner::Clock::time_point now) {
    constexpr std::size_t under_load = 128;  // records per linger time
    const bool is_full = sticky_.records >= limits_.records || sticky_.bytes >= limits_.bytes;
    const bool has_lingered = now - sticky_.recent_since >= partitioner_.sticky_linger();
    if (is_full || (has_lingered && sticky_.recent_records < under_load) ||
        !partitions_[sticky_.partition].has_leader.load())
        choose_sticky();
    if (has_lingered) {
        sticky_.recent_since = now;
        sticky_.recent_records = 0;
    }
    ++sticky_.records;
    ++sticky_.recent_records;
    sticky_.bytes += record.size();
    return partitions_[sticky_.partition];
}

// Chooses the partition with the lowest load, so that a partition whose broker is slow or gone gets less;
// among equals, the next in turn.
void PartitionQueues::choose_sticky() {
    std::size_t best = (sticky_.partition + 1) % count_;
    for (std::size_t i = 2; i <= count_; ++i) {
        const std::size_t other = (sticky_.partition + i) % count_;
        const bool has_leader = partitions_[other].has_leader.load();
        const bool best_has_leader = partitions_[best].has_leader.load();
        if (has_leader == best_has_leader ? partitions_[other].load() < partitions_[best].load() : has_leader)
            best = other;
    }
    sticky_.partition = best;
    sticky_.records = 0;
    sticky_.bytes = 0;
}

void PartitionQueues::drain(std::vector<QueuedRecord>& out) {
    for (PartitionQueue* queue : std::exchange(unsent_, {})) {
        out.insert(out.end(), queue->records.begin() + static_cast<std::ptrdiff_t>(queue->sent),
                   queue->records.end());
        queue->records.clear();
        queue->sent = 0;
    }
}

void PartitionQueues::remove_in_flight(std::int32_t partition, std::int64_t records, std::int64_t bytes) {
    const auto number = static_cast<std::size_t>(partition);
    if (partition < 0 || number >= partitions_.size()) return;
    subtract(partitions_[number].in_flight.records, records);
    subtract(partitions_[number].in_flight.bytes, bytes);
}

void PartitionQueues::set_leader(std::int32_t partition, bool has_leader) {
    const auto number = static_cast<std::size_t>(partition);
    if (partition >= 0 && number < partitions_.size()) partitions_[number].has_leader.store(has_leader);
}

}  // namespace volley::kafka
