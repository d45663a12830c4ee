#include "partition_queues.hpp"

#include <algorithm>
#include <utility>

namespace volley::kafka {

namespace {

constexpr std::size_t many = 128;  // records without a key in the time that they may go to one partition

// Records that librdkafka gave a partition were not counted as that one's: what they take is given back.
void take_away(std::atomic<std::int64_t>& from, std::int64_t amount) {
    const std::int64_t left = from.fetch_sub(amount) - amount;
    if (left < 0) from.fetch_sub(left);
}

}  // namespace

PartitionQueues::PartitionQueues(const Properties& properties, std::size_t request_records,
                                 std::size_t request_bytes)
    : partitioner_(properties), request_records_(request_records), request_bytes_(request_bytes) {}

void PartitionQueues::fit(std::size_t partitions) {
    if (partitions == count_) return;
    while (partitions_.size() < partitions)
        partitions_.emplace_back(static_cast<std::int32_t>(partitions_.size()));
    count_ = partitions;
    current_ = 0;
    std::vector<Held> waited;
    take_all(waited);
    for (const Held& record : waited) add(record, Partitioner::Clock::now());
}

void PartitionQueues::add(const Held& record, Partitioner::Clock::time_point now) {
    PartitionQueue& queue = queue_of(record, now);
    if (!queue.is_waiting()) waiting_.push_back(&queue);
    // Room is made of what was sent when it is the larger part: each record is moved once, if at all.
    if (queue.sent * 2 >= queue.records.size()) {
        queue.records.erase(queue.records.begin(),
                            queue.records.begin() + static_cast<std::ptrdiff_t>(queue.sent));
        queue.sent = 0;
    }
    queue.records.push_back(record);
}

PartitionQueue& PartitionQueues::queue_of(const Held& record, Partitioner::Clock::time_point now) {
    if (count_ == 0 || !partitioner_.is_known()) return unassigned_;
    if (record.partition >= 0) {
        const auto chosen = static_cast<std::size_t>(record.partition);
        return chosen < count_ ? partitions_[chosen] : unassigned_;
    }
    const auto of_key = partitioner_.of_key(record.key, static_cast<std::int32_t>(count_));
    return of_key ? partitions_[static_cast<std::size_t>(*of_key)] : any(record, now);
}

// A partition for a while, so that its requests are full ones: where many come for a request's worth, else
// for a time.
PartitionQueue& PartitionQueues::any(const Held& record, Partitioner::Clock::time_point now) {
    const bool is_full = given_ >= request_records_ || given_bytes_ >= request_bytes_;
    const bool is_time = now - lately_ >= partitioner_.stickiness();
    if (is_full || (is_time && given_lately_ < many) || !partitions_[current_].has_leader.load()) choose();
    if (is_time) {
        lately_ = now;
        given_lately_ = 0;
    }
    ++given_;
    ++given_lately_;
    given_bytes_ += record.size();
    return partitions_[current_];
}

// The least loaded, so that one whose broker is slow or gone gets less; of equals the next in turn.
void PartitionQueues::choose() {
    std::size_t best = (current_ + 1) % count_;
    for (std::size_t i = 2; i <= count_; ++i) {
        const std::size_t other = (current_ + i) % count_;
        const bool has_leader = partitions_[other].has_leader.load();
        const bool best_has_leader = partitions_[best].has_leader.load();
        if (has_leader == best_has_leader ? partitions_[other].load() < partitions_[best].load() : has_leader)
            best = other;
    }
    current_ = best;
    given_ = 0;
    given_bytes_ = 0;
}

void PartitionQueues::take_all(std::vector<Held>& out) {
    for (PartitionQueue* queue : std::exchange(waiting_, {})) {
        out.insert(out.end(), queue->records.begin() + static_cast<std::ptrdiff_t>(queue->sent),
                   queue->records.end());
        queue->records.clear();
        queue->sent = 0;
    }
}

void PartitionQueues::count_out(std::int32_t partition, std::int64_t records, std::int64_t bytes) {
    const auto number = static_cast<std::size_t>(partition);
    if (partition < 0 || number >= partitions_.size()) return;
    take_away(partitions_[number].with_client, records);
    take_away(partitions_[number].with_client_bytes, bytes);
}

void PartitionQueues::set_leader(std::int32_t partition, bool has_leader) {
    const auto number = static_cast<std::size_t>(partition);
    if (partition >= 0 && number < partitions_.size()) partitions_[number].has_leader.store(has_leader);
}

}  // namespace volley::kafka
