#include "send_queue.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "producer_instance.hpp"

namespace volley::kafka {

namespace {

Pacing::RequestLimits request_limits(const Properties& properties) {
    return {limit_of(properties, "batch.num.messages", 10'000),
            limit_of(properties, "batch.size", 1'000'000)};
}

void* opaque_of(std::uint64_t token) { return reinterpret_cast<void*>(token); }

// True if rd_kafka_produce_batch can send it.
bool is_plain(const QueuedRecord& record) { return record.header_count == 0 && record.timestamp_ms == 0; }

// Without RD_KAFKA_MSG_F_COPY: the body of an accepted record stays valid until its report.
rd_kafka_resp_err_t produce(ProducerInstance& instance, const QueuedRecord& record, std::int32_t partition) {
    void* payload = const_cast<void*>(record.body.data);
    void* opaque = opaque_of(record.token);
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.header_count);
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        const volley_header& h = record.headers[i];
        rd_kafka_header_add(headers, static_cast<const char*>(h.name.data), static_cast<ssize_t>(h.name.size),
                            h.value.data, static_cast<ssize_t>(h.value.size));
    }
// librdkafka's macros use C casts.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        instance.rk(), RD_KAFKA_V_RKT(instance.topic()), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE(payload, record.body.size), RD_KAFKA_V_KEY(record.key.data, record.key.size),
        RD_KAFKA_V_TIMESTAMP(record.timestamp_ms), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_END);
#pragma GCC diagnostic pop
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);  // else the message owns them
    return code;
}

}  // namespace

SendQueue::SendQueue(const Properties& properties, bool paced, DeliveryReports& reports)
    : reports_(reports),
      pacing_(paced, request_limits(properties)),
      queues_(properties, request_limits(properties)),
      // New partitions appear only in the statistics.
      chooses_partitions_(paced && number_of(properties, "statistics.interval.ms", 0) > 0) {}

std::uint32_t SendQueue::add(const volley_record* records, std::uint32_t count, std::uint32_t stride) {
    const std::lock_guard lock(inbox_.mutex);
    const auto accepted = static_cast<std::uint32_t>(reports_.accept(count));
    for (std::uint32_t i = 0; i < accepted; ++i) {
        const volley_record& r = element(records, stride, i);
        inbox_.records.push_back(
            {r.body, r.key, r.headers, r.header_count, r.partition, r.timestamp_ms, r.token});
    }
    return accepted;
}

void SendQueue::hand_over(ProducerInstance& instance) {
    constexpr int max_rounds = 100;  // for other threads; the polling thread sends the rest
    std::unique_lock lock(inbox_.mutex);
    inbox_.has_more = inbox_.is_taken;
    if (inbox_.is_taken) return;
    inbox_.is_taken = true;
    int rounds = 0;
    do {
        inbox_.has_more = false;
        taken_.swap(inbox_.records);
        lock.unlock();
        const auto now = Partitioner::Clock::now();
        for (const QueuedRecord& record : taken_) queues_.add(record, now);
        taken_.clear();
        send(instance);
        lock.lock();
    } while (inbox_.has_more && ++rounds < max_rounds);
    inbox_.is_taken = false;
}

void SendQueue::reject_all(rd_kafka_resp_err_t code) {
    std::vector<QueuedRecord> rejected;
    {
        const std::lock_guard lock(inbox_.mutex);
        queues_.drain(rejected);
        rejected.insert(rejected.end(), inbox_.records.begin(), inbox_.records.end());
        inbox_.records.clear();
    }
    for (const QueuedRecord& record : rejected) reports_.reject(record, code);
}

bool SendQueue::has_new_partitions() const {
    return chooses_partitions_ && partitions_.load() != queues_.count();
}

void SendQueue::release_reported() {
    const Reported reported = std::exchange(reported_, {});
    if (reported.records == 0) return;
    queues_.remove_in_flight(reported.partition, reported.records, reported.bytes);
    pacing_.in_flight().remove(reported.records, reported.bytes);
}

bool SendQueue::has_room(const PartitionQueue& queue) const {
    return queue.partition < 0 ? pacing_.has_room_unassigned(partitions_.load())
                               : pacing_.has_room(queue.in_flight);
}

// Sends as many records as there is room for.
void SendQueue::send(ProducerInstance& instance) {
    std::vector<PartitionQueue*>& unsent = queues_.unsent();
    has_backlog_.store(false);
    bool has_backlog = false;
    for (std::size_t i = 0; i < unsent.size();) {
        PartitionQueue& queue = *unsent[i];
        while (queue.has_unsent() && has_room(queue))
            if (!send_next(instance, queue)) return;
        if (queue.has_unsent()) {
            has_backlog = has_backlog || queue.partition >= 0;
            ++i;
        } else {
            unsent[i] = unsent.back();
            unsent.pop_back();
        }
    }
    has_backlog_.store(has_backlog);
}

// Sends the next record, or several. Returns false if librdkafka's queue is full.
bool SendQueue::send_next(ProducerInstance& instance, PartitionQueue& queue) {
    const QueuedRecord& record = queue.records[queue.sent];
    // For a partition that does not exist, rd_kafka_produce_batch leaks the message (2.0.2).
    if (is_plain(record) && (queue.partition >= 0 || record.partition < 0))
        return send_batch(instance, queue);
    const auto size = static_cast<std::int64_t>(record.size());
    add_in_flight(queue, 1, size);
    const rd_kafka_resp_err_t code =
        produce(instance, record, queue.partition >= 0 ? queue.partition : record.partition);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        signal_.add_produced(1);
    } else {
        add_in_flight(queue, -1, -size);
    }
    return advance(queue, code);
}

// Sends a run of plain records in one call, so that librdkafka reads the clock once, and looks up the
// partition once if it is set. Returns false if its queue is full.
bool SendQueue::send_batch(ProducerInstance& instance, PartitionQueue& queue) {
    constexpr std::size_t max_records = 128;  // on the stack
    constexpr std::size_t max_bytes = 128 * 1024;
    std::array<rd_kafka_message_t, max_records> batch;
    std::size_t size = 0;
    std::size_t bytes = 0;
    for (; size < max_records && bytes < max_bytes && queue.sent + size < queue.records.size(); ++size) {
        const QueuedRecord& record = queue.records[queue.sent + size];
        if (!is_plain(record) || (queue.partition < 0 && record.partition >= 0)) break;
        bytes += record.size();
        rd_kafka_message_t& message = batch[size];
        message = {};
        message.payload = const_cast<void*>(record.body.data);
        message.len = record.body.size;
        message.key = const_cast<void*>(record.key.data);
        message.key_len = record.key.size;
        message._private = opaque_of(record.token);
    }
    add_in_flight(queue, static_cast<std::int64_t>(size), static_cast<std::int64_t>(bytes));
    const auto produced = static_cast<std::size_t>(
        rd_kafka_produce_batch(instance.topic(), queue.partition, 0, batch.data(), static_cast<int>(size)));
    signal_.add_produced(produced);
    if (produced == size) {
        queue.sent += size;
        return true;
    }
    for (std::size_t i = 0; i < size; ++i) {
        if (batch[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            add_in_flight(queue, -1, -static_cast<std::int64_t>(queue.records[queue.sent + i].size()));
    }
    // Once the queue was full for a message, none of those behind it was produced.
    return std::all_of(batch.begin(), batch.begin() + size,
                       [&](const rd_kafka_message_t& message) { return advance(queue, message.err); });
}

// Advances past a record that librdkafka accepted or rejected. Returns false if its queue is full.
bool SendQueue::advance(PartitionQueue& queue, rd_kafka_resp_err_t code) {
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
    // A partition that does not exist gets no more records until the metadata has it again.
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) queue.has_leader.store(false);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) reports_.reject(queue.records[queue.sent], code);
    ++queue.sent;
    return true;
}

// Must be called before librdkafka gets the records, because their reports may arrive immediately. Negative
// numbers subtract records that librdkafka rejected.
void SendQueue::add_in_flight(PartitionQueue& queue, std::int64_t records, std::int64_t bytes) {
    queue.in_flight.add(records, bytes);
    pacing_.in_flight().add(records, bytes);
}

}  // namespace volley::kafka
