// Detects logs that were replaced: a topic that was deleted and recreated under the same name, or a partition
// that an unclean leader election truncated. The same offsets are other messages then. librdkafka 2.0.2
// detects neither (leader epochs and topic IDs came later), and continues at its position if the new log is
// long enough.
//
// The queries block the thread that polls: usually for two round trips every five seconds, and for at most
// query_timeout_ms if a broker does not respond; after that, none is sent for ten seconds. librdkafka has an
// asynchronous query only from 2.3 on (rd_kafka_ListOffsets).
#include <algorithm>
#include <chrono>

#include "clock.hpp"
#include "consumer.hpp"
#include "partition_list.hpp"
#include "topics.hpp"

namespace volley::kafka {

namespace {

constexpr std::int64_t check_every_ms = 5000;
constexpr std::int64_t check_again_ms = 1000;
constexpr std::int64_t after_failure_ms = 10'000;  // a query that times out delays messages
constexpr std::int64_t topics_check_ms = 2000;
constexpr std::int64_t restart_retry_ms = 500;
constexpr int query_timeout_ms = 1000;

std::int64_t unix_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

// Once per poll.
void KafkaConsumer::check_logs() {
    if (has_restarts_) seek_restarted();
    if (polled_ms_ < next_log_check_ms_ || owned_.empty() || !health_.is_connected()) return;
    const bool is_new = std::any_of(owned_.begin(), owned_.end(),
                                    [](const Owned& owned) { return owned.history->mark.time_ms < 0; });
    log_checked_ms_ = polled_ms_;
    next_log_check_ms_ = polled_ms_ + (is_new ? check_again_ms : check_every_ms);
    if (check_marks()) update_marks();
}

// At the end of a partition, a mark is set soon, the first one at once: nothing else may arrive for long.
void KafkaConsumer::check_log_soon(const Owned& owned) {
    const Mark& mark = owned.history->mark;
    if (mark.position == owned.position) return;
    const std::int64_t soon = mark.time_ms < 0 ? polled_ms_ : log_checked_ms_ + check_again_ms;
    next_log_check_ms_ = std::min(next_log_check_ms_, soon);
}

// For each partition, queries the offset of the first record that is not older than its time. -1: there is
// none; -2: unknown. Returns false if the query failed.
bool KafkaConsumer::query_marks(const std::vector<Owned*>& partitions, const std::vector<std::int64_t>& times,
                                std::vector<std::int64_t>& first) {
    first.assign(partitions.size(), -2);
    if (partitions.empty()) return true;
    const List list = new_list(partitions.size());
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        rd_kafka_topic_partition_list_add(list.get(), partitions[i]->topic->c_str(), partitions[i]->partition)
            ->offset = times[i];
    }
    if (rd_kafka_offsets_for_times(rk_, list.get(), query_timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        next_log_check_ms_ = polled_ms_ + after_failure_ms;
        topics_uncertain_ = true;  // a partition that does not exist anymore does not respond
        return false;
    }
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        const rd_kafka_topic_partition_t& answer = list->elems[i];
        if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR || answer.offset == times[i]) continue;
        first[i] = std::max<std::int64_t>(answer.offset, -1);
    }
    return true;
}

// Returns false if the query failed: a mark that was not checked must not be replaced.
bool KafkaConsumer::check_marks() {
    std::vector<Owned*> marked;
    std::vector<std::int64_t> times;
    for (Owned& owned : owned_) {
        if (owned.is_restarting || owned.history->mark.time_ms < 0) continue;
        marked.push_back(&owned);
        times.push_back(owned.history->mark.time_ms);
    }
    std::vector<std::int64_t> first;
    if (!query_marks(marked, times, first)) return false;
    for (std::size_t i = 0; i < marked.size(); ++i) {
        Mark& mark = marked[i]->history->mark;
        mark.is_checked = first[i] >= -1;
        if (first[i] >= 0 && first[i] < mark.first)
            restart(*marked[i]);
        else
            mark.first = std::max(mark.first, first[i]);
    }
    return true;
}

// A mark at the end of what was read detects a truncation, too. Its time is that of the messages, unless that
// lies in the future: then clock skew does not matter.
void KafkaConsumer::update_marks() {
    std::vector<Owned*> moved;
    std::vector<std::int64_t> times;
    const std::int64_t now = unix_ms();
    for (Owned& owned : owned_) {
        const Mark& mark = owned.history->mark;
        if (owned.is_restarting || owned.position < 0) continue;
        if (mark.time_ms >= 0 && (!mark.is_checked || mark.position == owned.position)) continue;
        moved.push_back(&owned);
        times.push_back(owned.newest_ms > 0 ? std::min(owned.newest_ms + 1, now) : now);
    }
    std::vector<std::int64_t> first;
    if (!query_marks(moved, times, first)) return;
    for (std::size_t i = 0; i < moved.size(); ++i) {
        if (first[i] < -1) continue;
        // There is none: later records are appended after all that is there now.
        const std::int64_t position = moved[i]->position;
        if (moved[i]->history->mark.time_ms < 0)
            client_->context.debug("kafka: topic \"" + *moved[i]->topic + "\" partition " +
                                   std::to_string(moved[i]->partition) + " is marked at offset " +
                                   std::to_string(position));
        moved[i]->history->mark = {times[i], first[i] >= 0 ? first[i] : position, position, true};
    }
}

// librdkafka goes back if its position is out of the log's range. It can also go back in the same log (a
// resume, a message of an earlier assignment); the engine handles such duplicates.
bool KafkaConsumer::has_gone_back(Owned& owned, std::int64_t offset) {
    if (offset > owned.last_read) {
        owned.last_read = offset;
        return false;
    }
    const std::optional<bool> another = is_new_log(owned);
    if (!another) return false;  // queried again for the next message
    owned.last_read = offset;
    if (*another) restart(owned);
    return *another;
}

// Returns nothing if the query fails.
std::optional<bool> KafkaConsumer::is_new_log(Owned& owned) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    if (rd_kafka_query_watermark_offsets(rk_, owned.topic->c_str(), owned.partition, &low, &high,
                                         query_timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    if (high < owned.position) return true;
    const Mark& mark = owned.history->mark;
    if (mark.time_ms < 0) return false;
    std::vector<std::int64_t> first;
    if (!query_marks({&owned}, {mark.time_ms}, first) || first[0] < -1) return std::nullopt;
    return first[0] >= 0 && first[0] < mark.first;
}

// Nothing more of the partition is delivered until seek_restarted() has found the start of the log; with
// auto.offset.reset: error, nothing at all.
void KafkaConsumer::report_new_log(Owned& owned, std::int64_t read_to) {
    metrics_.add("kafka_log_restarts_total",
                 "Times that a partition's log was replaced: the topic was recreated, or the log truncated",
                 1);
    owned.is_restarting = has_restarts_ = true;
    const std::string what = "kafka: topic \"" + *owned.topic + "\" partition " +
                             std::to_string(owned.partition) + " is not the log that was read up to offset " +
                             std::to_string(read_to) +
                             ": the topic was deleted and created again, or it was truncated. ";
    const auto policy = properties_.find("auto.offset.reset");
    if (policy == properties_.end() || policy->second != "error")
        return client_->context.error(what + "Reading continues at its start, in a new epoch");
    failure_ = Error(ErrorCode::config, what +
                                            "auto.offset.reset is error: decide where to continue, and set "
                                            "the group's offset (kafka-consumer-groups --reset-offsets)");
}

// For the engine, the partition is lost and assigned again with a new epoch, at its start: the new log's
// messages are not those that were read.
void KafkaConsumer::restart(Owned& owned) {
    report_new_log(owned, owned.position);
    if (failure_) return;
    const volley_partition before = to_view(owned, -1);
    if (events_ != nullptr) events_->revoked(events_->context, &before, 1, sizeof before, 1);
    const bool paused = owned.paused;
    Owned restarted;
    restarted.topic = owned.topic;
    restarted.partition = owned.partition;
    restarted.history = owned.history;
    restarted.history->mark = {};
    restarted.epoch = ++restarted.history->epoch;
    restarted.paused = paused;
    restarted.is_restarting = true;
    owned = restarted;
    resume_all();
    const volley_partition after = to_view(owned, -1);
    if (events_ != nullptr) events_->assigned(events_->context, &after, 1, sizeof after);
}

// librdkafka drops what it fetched before the seek. The start is committed at once: a process that takes over
// must not continue at an offset of the replaced log.
void KafkaConsumer::seek_restarted() {
    if (polled_ms_ < next_restart_ms_ || failure_) return;
    next_restart_ms_ = polled_ms_ + restart_retry_ms;
    has_restarts_ = false;
    for (Owned& owned : owned_) {
        if (!owned.is_restarting) continue;
        has_restarts_ = true;  // until all have been sought
        std::int64_t low = 0;
        std::int64_t high = 0;
        if (rd_kafka_query_watermark_offsets(rk_, owned.topic->c_str(), owned.partition, &low, &high,
                                             query_timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        const List list = new_list(1);
        rd_kafka_topic_partition_list_add(list.get(), owned.topic->c_str(), owned.partition)->offset = low;
        rd_kafka_error_t* const error = rd_kafka_seek_partitions(rk_, list.get(), query_timeout_ms);
        const bool sought = error == nullptr && list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_error_destroy(error);
        if (!sought) return;
        owned.is_restarting = false;
        owned.position = owned.to_commit = low;
        owned.last_read = low - 1;
    }
    has_restarts_ = false;
    next_log_check_ms_ = 0;
    send_commit();
}

// The input is not ready while a topic does not exist. librdkafka checks for it every few minutes, and at
// once when asked for the metadata of all topics.
void KafkaConsumer::check_topics() {
    if (!topics_uncertain_ && !health_.is_missing()) return;
    if (polled_ms_ < next_topics_check_ms_) return;
    next_topics_check_ms_ = polled_ms_ + topics_check_ms;
    const auto missing = missing_topics(rk_, client_->context.value(), query_timeout_ms);
    if (!missing) return;
    health_.set_missing(*missing);
    topics_uncertain_ = false;
    if (!missing->empty()) return;
    next_log_check_ms_ = 0;
    const rd_kafka_metadata_t* all = nullptr;
    if (rd_kafka_metadata(rk_, 1, nullptr, &all, query_timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(all);
    else
        topics_uncertain_ = true;
}

}  // namespace volley::kafka
