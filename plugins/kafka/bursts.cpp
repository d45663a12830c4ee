// Records are handed to librdkafka as it can send them: a request's worth of each partition is with it, and
// two in all if there is only one. What comes beyond is held here, by partition, until some of those are
// reported.
//
// An idempotent producer of librdkafka has one request under way for a partition (2.0.2 counts its limit of
// five in messages). Behind it another one's worth waits, and leaves as soon as the answer is there.
// librdkafka's thread polls without waiting as long as messages older than linger.ms stand behind a request
// that is under way, for up to three times the CPU of the work itself: so linger.ms is a time that nothing
// reaches, and what would have to wait for it leaves by a flush of the serving thread.
#include <algorithm>
#include <array>
#include <utility>

#include "producer.hpp"

namespace volley::kafka {

namespace {

// So few leave at once, each for itself.
constexpr std::size_t few = 128;
constexpr std::size_t few_bytes = 500'000;
constexpr int longest_flush_ms = 10;
constexpr int most_rounds = 100;  // of one thread for others; then the serving thread goes on
constexpr int full_ms = 50;  // without a report, until more is done about it than to wait for the brokers

void* opaque_of(std::uint64_t token) { return reinterpret_cast<void*>(token); }

// What rd_kafka_produce_batch can carry.
bool is_plain(const Held& record) { return record.header_count == 0 && record.timestamp_ms == 0; }

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
    std::unique_lock held_lock(held_mutex_);
    look_again_ = handing_over_;
    if (handing_over_) return;
    handing_over_ = true;
    int rounds = 0;
    do {
        look_again_ = false;
        taken_.swap(held_);
        held_lock.unlock();
        const auto now = Clock::now();
        for (const Held& record : taken_) queues_.add(record, now);
        taken_.clear();
        send_waiting();
        held_lock.lock();
    } while (look_again_ && ++rounds < most_rounds);
    handing_over_ = false;
}

bool KafkaProducer::is_few() const {
    return with_client_.load() <= few && with_client_bytes_.load() <= few_bytes;
}

// A request's worth of a partition leaves for itself: whoever waits for room waits for an answer.
bool KafkaProducer::has_room(const PartitionQueue& queue) const {
    constexpr std::size_t under_way = 5;  // messages of a partition; large ones are a request each
    if (!paced_ || is_few()) return true;
    const auto holds = [this](std::size_t records, std::size_t bytes, std::size_t requests) {
        return records < requests * request_records_ && bytes < requests * request_bytes_;
    };
    const std::size_t in_all = with_client_.load();
    const std::size_t bytes_in_all = with_client_bytes_.load();
    if (queue.partition < 0) {
        const std::size_t partitions = std::max<std::size_t>(partitions_.load(), 1);
        return in_all < under_way * partitions || holds(in_all, bytes_in_all, partitions + 1);
    }
    const auto records = static_cast<std::size_t>(std::max<std::int64_t>(queue.with_client.load(), 0));
    const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(queue.with_client_bytes.load(), 0));
    return records < under_way || holds(records, bytes, 1) || holds(in_all, bytes_in_all, 2);
}

// Sends what there is room for.
void KafkaProducer::send_waiting() {
    std::vector<PartitionQueue*>& waiting = queues_.waiting();
    is_full_.store(false);
    bool waits_for_request = false;
    for (std::size_t i = 0; i < waiting.size();) {
        PartitionQueue& queue = *waiting[i];
        while (queue.is_waiting() && has_room(queue))
            if (!send_of(queue)) return;
        if (queue.is_waiting()) {
            waits_for_request = waits_for_request || queue.partition >= 0;
            ++i;
        } else {
            waiting[i] = waiting.back();
            waiting.pop_back();
        }
    }
    is_full_.store(waits_for_request);
}

// Sends the next of these. Returns false if librdkafka's queue is full.
bool KafkaProducer::send_of(PartitionQueue& queue) {
    const Held& record = queue.records[queue.sent];
    // rd_kafka_produce_batch would leak a message for a partition that there is not (2.0.2).
    if (is_plain(record) && (queue.partition >= 0 || record.partition < 0)) return send_plain(queue);
    count_in(queue, 1, record.size());
    const rd_kafka_resp_err_t code = send(record, queue.partition >= 0 ? queue.partition : record.partition);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_produced(1);
    } else {
        count_out(queue, 1, record.size());
    }
    return pass(queue, code);
}

// Hands over the plain records that come next, some at a time: librdkafka then reads its clocks once, not for
// each, and where it need not choose looks for the partition once. Returns false if its queue is full.
bool KafkaProducer::send_plain(PartitionQueue& queue) {
    constexpr std::size_t most = 128;  // on the stack
    constexpr std::size_t most_bytes = 128 * 1024;
    std::array<rd_kafka_message_t, most> batch;
    std::size_t size = 0;
    std::size_t bytes = 0;
    for (; size < most && bytes < most_bytes && queue.sent + size < queue.records.size(); ++size) {
        const Held& record = queue.records[queue.sent + size];
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
    count_in(queue, size, bytes);
    const auto good = static_cast<std::size_t>(
        rd_kafka_produce_batch(topic_, queue.partition, 0, batch.data(), static_cast<int>(size)));
    note_produced(good);
    if (good == size) {
        queue.sent += size;
        return true;
    }
    for (std::size_t i = 0; i < size; ++i) {
        if (batch[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            count_out(queue, 1, queue.records[queue.sent + i].size());
    }
    // Nothing behind one that found the queue full was taken.
    return std::all_of(batch.begin(), batch.begin() + size,
                       [&](const rd_kafka_message_t& message) { return pass(queue, message.err); });
}

// Goes to the next of these, after the one that librdkafka took or refused. Returns false if its queue is
// full.
bool KafkaProducer::pass(PartitionQueue& queue, rd_kafka_resp_err_t code) {
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
    // Nothing more for a partition that is gone, until it is heard of again.
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) queue.has_leader.store(false);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) refuse(queue.records[queue.sent], code);
    ++queue.sent;
    return true;
}

// Without RD_KAFKA_MSG_F_COPY: an accepted record's body stays valid until its report.
rd_kafka_resp_err_t KafkaProducer::send(const Held& record, std::int32_t partition) {
    void* payload = const_cast<void*>(record.body.data);
    void* opaque = opaque_of(record.token);
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
void KafkaProducer::count_in(PartitionQueue& queue, std::size_t records, std::size_t bytes) {
    queue.with_client.fetch_add(static_cast<std::int64_t>(records));
    queue.with_client_bytes.fetch_add(static_cast<std::int64_t>(bytes));
    with_client_bytes_.fetch_add(bytes);
    with_client_.fetch_add(records);
}

// Only now is there something that the serving thread can flush. Woken before, it would take the processor
// from this thread, find nothing, and look again and again.
void KafkaProducer::note_produced(std::size_t records) {
    produced_.fetch_add(records);
    if (!waits_for_records_.load()) return;
    { const std::lock_guard lock(held_mutex_); }  // not between the serving thread's look and its wait
    records_produced_.notify_one();
}

// What librdkafka did not take.
void KafkaProducer::count_out(PartitionQueue& queue, std::size_t records, std::size_t bytes) {
    queue.with_client.fetch_sub(static_cast<std::int64_t>(records));
    queue.with_client_bytes.fetch_sub(static_cast<std::int64_t>(bytes));
    with_client_bytes_.fetch_sub(bytes);
    with_client_.fetch_sub(records);
}

// Thread: serving.
void KafkaProducer::count_reported() {
    const std::size_t records = std::exchange(reported_, 0);
    const std::size_t bytes = std::exchange(reported_bytes_, 0);
    reported_in_all_ += records;
    queues_.count_out(reported_partition_, static_cast<std::int64_t>(records),
                      static_cast<std::int64_t>(bytes));
    with_client_bytes_.fetch_sub(bytes);
    with_client_.fetch_sub(records);
}

// Takes reports and events. What fills no request leaves by a flush: few records at once, more when nothing
// came back meanwhile, and now and then whatever a partition of little traffic has. Thread: serving.
void KafkaProducer::poll_client() {
    if (!paced_) {
        rd_kafka_poll(rk_, serve_ms);
        return;
    }
    if (produced_.load() <= reported_in_all_ && !wait_for_records()) return;
    const bool at_once = is_few();
    const bool flush = at_once || quiet_ || Clock::now() - flushed_ > std::chrono::milliseconds(serve_ms);
    if (flush) {
        // It polls, too. A thread of librdkafka that awakes after it has not noticed it.
        rd_kafka_flush(rk_, at_once ? wait_ms_ : std::min(wait_ms_, longest_flush_ms));
        flushed_ = Clock::now();
    } else {
        rd_kafka_poll(rk_, is_full_.load() ? std::max(wait_ms_, full_ms) : wait_ms_);
    }
    quiet_ = reports_.empty() && !flush;
    // A flush has the brokers' threads poll without waiting, which is no use while nothing comes back.
    if (!reports_.empty()) {
        wait_ms_ = 1;
    } else if (at_once || !flush) {
        wait_ms_ = std::min(wait_ms_ * 2, serve_ms);
    }
    count_reported();
}

// Returns false if there are none yet.
bool KafkaProducer::wait_for_records() {
    rd_kafka_poll(rk_, 0);
    wait_ms_ = 1;
    quiet_ = false;
    const auto is_there = [this] { return produced_.load() > reported_in_all_ + reported_; };
    std::unique_lock lock(held_mutex_);
    waits_for_records_.store(true);
    records_produced_.wait_for(lock, std::chrono::milliseconds(serve_ms),
                               [&] { return is_there() || ending_.load(); });
    waits_for_records_.store(false);
    flushed_ = Clock::now();
    return is_there();
}

// Requires: client_mutex_ is held alone.
void KafkaProducer::refuse_held(rd_kafka_resp_err_t code) {
    std::vector<Held> refused;
    {
        const std::lock_guard lock(held_mutex_);
        queues_.take_all(refused);
        refused.insert(refused.end(), held_.begin(), held_.end());
        held_.clear();
    }
    for (const Held& record : refused) refuse(record, code);
}

}  // namespace volley::kafka
