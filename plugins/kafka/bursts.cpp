// Records are handed to librdkafka in bursts: while many are with it, later ones are held here, and go when
// those are reported.
//
// An idempotent producer of librdkafka has one request under way for a partition (2.0.2 counts its limit of
// five in messages), and its thread polls without waiting as long as messages older than linger.ms stand
// behind that request: under load all the time, for twice the CPU of the work itself. So a burst is what one
// request to each partition takes, and behind them nothing stands. That a request takes the burst, and not
// the few records that are there when the thread awakes, is linger.ms's doing; and where few records are on
// their way nobody waits for it, because the serving thread then flushes.
#include <algorithm>
#include <array>

#include "producer.hpp"

namespace volley::kafka {

namespace {

constexpr std::size_t few = 128;
constexpr std::size_t overhead = 10;  // bytes of a record in a request, or so

void* opaque_of(std::uint64_t token) { return reinterpret_cast<void*>(token); }

// What rd_kafka_produce_batch can carry. It knows partitions too, but leaks a message for an unknown one
// (2.0.2).
template <typename Record>
bool is_plain(const Record& record) {
    return record.header_count == 0 && record.timestamp_ms == 0 && record.partition < 0;
}

}  // namespace

// Thread: any, several at once. What one thread gives keeps its order: everything goes through held_.
std::int32_t KafkaProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                    std::uint32_t& accepted) {
    {
        const std::lock_guard lock(held_mutex_);
        const std::size_t room = most_open_ - std::min(most_open_, open_.load());
        accepted = static_cast<std::uint32_t>(std::min<std::size_t>(count, room));
        open_.fetch_add(accepted);
        for (std::uint32_t i = 0; i < accepted; ++i) {
            const volley_record& r = element(records, stride, i);
            held_.push_back({r.body, r.key, r.headers, r.header_count, r.partition, r.timestamp_ms, r.token});
        }
    }
    hand_over();
    return accepted == count ? VOLLEY_OK : VOLLEY_AGAIN;
}

// Hands over what may go now. One thread at a time does; whoever comes meanwhile leaves it to that one, which
// looks again before it ends. What may not go yet goes when the serving thread has taken reports.
void KafkaProducer::hand_over() {
    const std::shared_lock lock(client_mutex_);
    for (bool room = true; room;) {
        {
            const std::lock_guard held_lock(held_mutex_);
            if (handing_over_ || (paced_ && with_client_.load() > few)) return;
            if (burst_sent_ == burst_.size()) {
                burst_.clear();
                burst_sent_ = 0;
                burst_.swap(held_);
            }
            if (burst_.empty()) return;
            handing_over_ = true;
        }
        room = send_burst();
        const std::lock_guard held_lock(held_mutex_);
        handing_over_ = false;
    }
}

// Sends what one request to each partition takes. Returns false if librdkafka's queue is full.
bool KafkaProducer::send_burst() {
    std::size_t end = paced_ ? burst_sent_ : burst_.size();
    const std::size_t requests = partitions_.load(std::memory_order_relaxed);
    for (std::size_t bytes = 0; end < burst_.size() && end - burst_sent_ < requests * burst_records_ &&
                                bytes < requests * burst_bytes_;
         ++end) {
        bytes += burst_[end].body.size + burst_[end].key.size + overhead;
    }
    while (burst_sent_ < end) {
        const Held& record = burst_[burst_sent_];
        if (is_plain(record)) {
            if (!send_plain(end)) return false;
            continue;
        }
        count_in(1);
        const rd_kafka_resp_err_t code = send(record);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) with_client_.fetch_sub(1);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) refuse(record.token, code);
        ++burst_sent_;
    }
    return true;
}

// Hands over the plain records that come next, some at a time: librdkafka then reads its clocks once, not for
// each. Returns false if its queue is full.
bool KafkaProducer::send_plain(std::size_t end) {
    constexpr std::size_t most = 128;  // on the stack
    std::array<rd_kafka_message_t, most> batch;
    std::size_t size = 0;
    for (; size < most && burst_sent_ + size < end; ++size) {
        const Held& record = burst_[burst_sent_ + size];
        if (!is_plain(record)) break;
        rd_kafka_message_t& message = batch[size];
        message = {};
        message.payload = const_cast<void*>(record.body.data);
        message.len = record.body.size;
        message.key = const_cast<void*>(record.key.data);
        message.key_len = record.key.size;
        message._private = opaque_of(record.token);
    }
    count_in(size);
    // The only partition need not be chosen, which costs two looks at the clock for each record.
    const std::int32_t partition =
        single_partition_.load(std::memory_order_relaxed) ? 0 : RD_KAFKA_PARTITION_UA;
    const auto good = static_cast<std::size_t>(
        rd_kafka_produce_batch(topic_, partition, 0, batch.data(), static_cast<int>(size)));
    if (good == size) {
        burst_sent_ += size;
        return true;
    }
    with_client_.fetch_sub(size - good);
    for (std::size_t i = 0; i < size; ++i) {
        // Nothing behind one that found the queue full was taken.
        if (batch[i].err == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
        if (batch[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) refuse(burst_[burst_sent_].token, batch[i].err);
        ++burst_sent_;
    }
    return true;
}

// Without RD_KAFKA_MSG_F_COPY: an accepted record's body stays valid until its report.
rd_kafka_resp_err_t KafkaProducer::send(const Held& record) {
    void* payload = const_cast<void*>(record.body.data);
    void* opaque = opaque_of(record.token);
    const std::int32_t partition = record.partition >= 0 ? record.partition : RD_KAFKA_PARTITION_UA;
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.header_count);
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        const volley_header& h = record.headers[i];
        rd_kafka_header_add(headers, static_cast<const char*>(h.name.data), static_cast<ssize_t>(h.name.size),
                            h.value.data, static_cast<ssize_t>(h.value.size));
    }
// librdkafka's macros cast as C does.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        rk_, RD_KAFKA_V_RKT(topic_), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE(payload, record.body.size), RD_KAFKA_V_KEY(record.key.data, record.key.size),
        RD_KAFKA_V_TIMESTAMP(record.timestamp_ms), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_END);
#pragma GCC diagnostic pop
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);  // else they are the message's
    return code;
}

// Before librdkafka has them: their reports may come at once.
void KafkaProducer::count_in(std::size_t records) {
    if (with_client_.fetch_add(records) > 0) return;
    { const std::lock_guard lock(held_mutex_); }  // not between the serving thread's look and its wait
    handed_over_.notify_one();
}

// Takes reports and events. Of few records each is sent at once, of many a burst when it is whole. Thread:
// serving.
void KafkaProducer::poll_client() {
    if (paced_) {
        std::unique_lock lock(held_mutex_);
        handed_over_.wait_for(lock, std::chrono::milliseconds(serve_ms),
                              [this] { return with_client_.load() > 0 || ending_.load(); });
    }
    const std::size_t open = with_client_.load();
    if (paced_ && open > 0 && open <= few) {
        rd_kafka_flush(rk_, hurry_ms_);
        // It wakes the brokers' threads, which is no use while nothing comes back.
        hurry_ms_ = reports_.empty() ? std::min(hurry_ms_ * 2, serve_ms) : 1;
    } else {
        rd_kafka_poll(rk_, paced_ && open == 0 ? 0 : serve_ms);
    }
}

// Requires: client_mutex_ is held alone.
void KafkaProducer::refuse_held(rd_kafka_resp_err_t code) {
    std::vector<Held> refused;
    {
        const std::lock_guard lock(held_mutex_);
        refused.assign(burst_.begin() + static_cast<std::ptrdiff_t>(burst_sent_), burst_.end());
        refused.insert(refused.end(), held_.begin(), held_.end());
        burst_.clear();
        burst_sent_ = 0;
        held_.clear();
    }
    for (const Held& record : refused) refuse(record.token, code);
}

}  // namespace volley::kafka
