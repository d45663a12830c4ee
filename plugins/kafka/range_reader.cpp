#include "range_reader.hpp"

#include <chrono>

#include "clock.hpp"
#include "partition_list.hpp"

namespace volley::kafka {

namespace {

constexpr std::int64_t read_timeout_ms = 30'000;
constexpr int poll_ms = 200;

std::int64_t time_of(const Message& message) {
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    return rd_kafka_message_timestamp(message.get(), &type);
}

}  // namespace

RangeReader::RangeReader(rd_kafka_t* rk, const Client& client, std::vector<Range>& ranges)
    : rk_(rk), client_(client) {
    const List list = new_list(ranges.size());
    for (Range& range : ranges) {
        if (range.begin >= range.end) continue;
        Source& source = sources_.emplace_back();
        source.range = &range;
        source.queue = rd_kafka_queue_get_partition(rk_, range.topic->c_str(), range.partition);
        // Each partition gets its own queue. This must precede the assignment, so that every message goes
        // there.
        rd_kafka_queue_forward(source.queue, nullptr);
        rd_kafka_topic_partition_list_add(list.get(), range.topic->c_str(), range.partition)->offset =
            range.begin;
    }
    if (list->cnt > 0) rd_kafka_assign(rk_, list.get());
}

RangeReader::~RangeReader() {
    rd_kafka_assign(rk_, nullptr);
    for (Source& source : sources_) rd_kafka_queue_destroy(source.queue);
}

Message RangeReader::next() {
    Source* earliest = nullptr;
    for (Source& source : sources_) {
        if (source.head == nullptr && !source.ended) fetch_head(source);
        if (source.head == nullptr) continue;
        if (earliest == nullptr || time_of(source.head) < time_of(earliest->head)) earliest = &source;
    }
    if (earliest == nullptr) return nullptr;
    earliest->range->begin = earliest->head->offset + 1;
    return std::move(earliest->head);
}

void RangeReader::fetch_head(Source& source) {
    Range& range = *source.range;
    const std::int64_t deadline = now_ms() + read_timeout_ms;
    while (range.begin < range.end) {
        Message message(rd_kafka_consume_queue(source.queue, poll_ms));
        if (message == nullptr) {
            rd_kafka_poll(rk_, 0);  // calls the error callback
            client_.last_error.throw_if_permanent();
            if (now_ms() > deadline)
                throw Error(ErrorCode::retry, "kafka: topic \"" + *range.topic + "\" partition " +
                                                  std::to_string(range.partition) +
                                                  " cannot be read: " + client_.last_error.text());
            continue;
        }
        // Compacted and transactional topics have gaps, even at the end.
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) break;
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            const std::string what =
                "topic \"" + *range.topic + "\": " + rd_kafka_message_errstr(message.get());
            if (is_unauthorized(message->err)) throw unauthorized(message->err, what);
            throw Error(ErrorCode::retry, "kafka: " + what);
        }
        if (message->offset < range.begin) continue;
        if (message->offset >= range.end) break;
        source.head = std::move(message);
        return;
    }
    range.begin = range.end;
    source.ended = true;
}

}  // namespace volley::kafka
