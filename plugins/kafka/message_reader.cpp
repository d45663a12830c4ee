#include "message_reader.hpp"

#include <algorithm>
#include <string>

#include "partition_list.hpp"
#include "resolution.hpp"

namespace volley::kafka {

void MessageReader::read(volley_batch& batch, int timeout_ms, std::int64_t now_ms) {
    polled_ms_ = now_ms;
    int wait = timeout_ms;
    if (resume_.is_due(now_ms)) {
        resume_fetching(instance_.rk(), instance_.properties());
        resume_.resumed(now_ms);
    } else {
        wait = resume_.wait(wait, now_ms);
    }
    std::uint64_t bytes = 0;
    while (batch.count < batch.capacity && (batch.max_bytes == 0 || bytes < batch.max_bytes)) {
        rd_kafka_message_t* message = rd_kafka_consumer_poll(instance_.rk(), wait);
        if (message == nullptr) break;
        // An event also ends the wait, so that the engine can do its own work.
        receive(message, batch, bytes);
        wait = 0;
    }
    if (batch.count > 0) resume_.note_received();
}

void MessageReader::receive(rd_kafka_message_t* message, volley_batch& batch, std::uint64_t& bytes) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        handle_error(message);
        rd_kafka_message_destroy(message);
        return;
    }
    // After a rebalance, librdkafka can still deliver a message of an earlier assignment (librdkafka #1359).
    OwnedPartition* owned = partitions_.find(rd_kafka_topic_name(message->rkt), message->partition);
    if (owned == nullptr || owned->is_restarting || logs_.has_gone_back(*owned, message->offset)) {
        rd_kafka_message_destroy(message);
        return;
    }
    ReadState& read = owned->read;
    if (read.position >= 0 && message->offset > read.position)
        logs_.check_gap(*owned, message->offset, polled_ms_);
    read.position = std::max(read.position, message->offset + 1);
    volley_message& out = element(batch.messages, batch.message_size, batch.count);
    deliveries_.lend(message, out);
    out.source = view_of(*owned->topic);
    out.epoch = owned->epoch;
    read.newest_ms = std::max(read.newest_ms, out.timestamp_ms);
    if (is_resolution(out)) {
        skip_resolution(out, *owned);
        return;
    }
    read.delivered_to = read.position;
    bytes += message->len + message->key_len;
    ++batch.count;
}

// Resolution records are not delivered.
void MessageReader::skip_resolution(volley_message& out, OwnedPartition& owned) {
    deliveries_.release(out.handle);
    out = {};
    out.partition = -1;
    out.offset = -1;
    owned.commit_to_position();
}

void MessageReader::read_paused(int timeout_ms, std::int64_t now_ms) {
    constexpr int seek_timeout_ms = 1000;
    polled_ms_ = now_ms;
    rd_kafka_message_t* message = rd_kafka_consumer_poll(instance_.rk(), timeout_ms);
    if (message == nullptr) return;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        handle_error(message);
    } else if (const OwnedPartition* owned =
                   partitions_.find(rd_kafka_topic_name(message->rkt), message->partition)) {
        const List list = new_list(1);
        rd_kafka_topic_partition_list_add(list.get(), owned->topic->c_str(), owned->partition)->offset =
            message->offset;
        rd_kafka_error_destroy(rd_kafka_seek_partitions(instance_.rk(), list.get(), seek_timeout_ms));
    }
    rd_kafka_message_destroy(message);
}

// After the last message there can be offsets without a message: transaction markers, aborted transactions,
// and records that compaction removed. They are committed like finished messages, so that they do not count
// as lag.
void MessageReader::handle_eof(const rd_kafka_message_t* message) {
    OwnedPartition* owned = message->rkt == nullptr
                                ? nullptr
                                : partitions_.find(rd_kafka_topic_name(message->rkt), message->partition);
    if (owned == nullptr || owned->is_restarting || message->offset < 0) return;
    if (message->offset < owned->read.position) {
        logs_.has_gone_back(*owned, message->offset);
        return;
    }
    owned->read.move_to(message->offset);
    owned->commit_to_position();
    logs_.note_end(*owned, polled_ms_);
}

void MessageReader::handle_error(const rd_kafka_message_t* message) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return handle_eof(message);
    if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return topics_.suspect();
    const std::string what =
        (message->rkt == nullptr ? ""
                                 : "topic \"" + std::string(rd_kafka_topic_name(message->rkt)) + "\": ") +
        rd_kafka_message_errstr(message);
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        instance_.fail(
            Error(ErrorCode::config, "kafka: " + what +
                                         ". auto.offset.reset is error: decide where to continue, and set "
                                         "the group's offset (kafka-consumer-groups --reset-offsets)"));
        return;
    }
    if (is_unauthorized(message->err)) return instance_.fail(unauthorized(message->err, what));
    instance_.context().warning("kafka: " + what);
}

void MessageReader::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        deliveries_.release(s.handle);
        s.result = VOLLEY_OK;
    }
}

}  // namespace volley::kafka
