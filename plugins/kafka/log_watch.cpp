// Logs that are not what they were: a topic that was deleted and made again under the same name, or a
// partition that an unclean election cut back. Its offsets mean other messages then. librdkafka 2.0.2 sees
// neither (leader epochs and topic ids came later), and goes on at the offset where it stood, if the new log
// reaches so far.
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
constexpr std::int64_t after_failure_ms = 10'000;  // a question without an answer held the messages up
constexpr std::int64_t look_every_ms = 2000;
constexpr std::int64_t rewind_again_ms = 500;
constexpr int ask_ms = 1000;

std::int64_t unix_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

// Once a turn.
void KafkaConsumer::watch_logs() {
    if (rewinds_) rewind();
    if (asked_ms_ < next_log_check_ms_ || owned_.empty() || !health_.is_connected()) return;
    const bool is_new = std::any_of(owned_.begin(), owned_.end(),
                                    [](const Owned& owned) { return owned.known->mark.time_ms < 0; });
    log_checked_ms_ = asked_ms_;
    next_log_check_ms_ = asked_ms_ + (is_new ? check_again_ms : check_every_ms);
    if (check_marks()) renew_marks();
}

// Where all was read, a mark soon follows, the first at once: nothing else may come for long.
void KafkaConsumer::mark_soon(const Owned& owned) {
    const Mark& mark = owned.known->mark;
    if (mark.position == owned.position) return;
    const std::int64_t soon = mark.time_ms < 0 ? asked_ms_ : log_checked_ms_ + check_again_ms;
    next_log_check_ms_ = std::min(next_log_check_ms_, soon);
}

// Asks of each where its first record of such a time stands; -1: there is none; -2: not known now. Returns
// false if nothing is known.
bool KafkaConsumer::ask_marks(const std::vector<Owned*>& partitions, const std::vector<std::int64_t>& times,
                              std::vector<std::int64_t>& first) {
    first.assign(partitions.size(), -2);
    if (partitions.empty()) return true;
    const List list = new_list(partitions.size());
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        rd_kafka_topic_partition_list_add(list.get(), partitions[i]->topic->c_str(), partitions[i]->partition)
            ->offset = times[i];
    }
    if (rd_kafka_offsets_for_times(rk_, list.get(), ask_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        next_log_check_ms_ = asked_ms_ + after_failure_ms;
        topics_in_doubt_ = true;  // one that is gone has no answer
        return false;
    }
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        const rd_kafka_topic_partition_t& answer = list->elems[i];
        if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR || answer.offset == times[i]) continue;
        first[i] = std::max<std::int64_t>(answer.offset, -1);
    }
    return true;
}

// Returns false if nothing could be known: a mark that was not checked must not be replaced.
bool KafkaConsumer::check_marks() {
    std::vector<Owned*> marked;
    std::vector<std::int64_t> times;
    for (Owned& owned : owned_) {
        if (owned.starts_over || owned.known->mark.time_ms < 0) continue;
        marked.push_back(&owned);
        times.push_back(owned.known->mark.time_ms);
    }
    std::vector<std::int64_t> first;
    if (!ask_marks(marked, times, first)) return false;
    for (std::size_t i = 0; i < marked.size(); ++i) {
        Mark& mark = marked[i]->known->mark;
        mark.is_checked = first[i] >= -1;
        if (first[i] >= 0 && first[i] < mark.first)
            start_over(*marked[i]);
        else
            mark.first = std::max(mark.first, first[i]);
    }
    return true;
}

// A mark behind the last message tells a log that was cut back too. The time is the messages' own where it is
// no later than ours: clocks that differ then do not matter.
void KafkaConsumer::renew_marks() {
    std::vector<Owned*> moved;
    std::vector<std::int64_t> times;
    const std::int64_t now = unix_ms();
    for (Owned& owned : owned_) {
        const Mark& mark = owned.known->mark;
        if (owned.starts_over || owned.position < 0) continue;
        if (mark.time_ms >= 0 && (!mark.is_checked || mark.position == owned.position)) continue;
        moved.push_back(&owned);
        times.push_back(owned.newest_ms > 0 ? std::min(owned.newest_ms + 1, now) : now);
    }
    std::vector<std::int64_t> first;
    if (!ask_marks(moved, times, first)) return;
    for (std::size_t i = 0; i < moved.size(); ++i) {
        if (first[i] < -1) continue;
        // None there: what comes later comes behind all that is there now.
        const std::int64_t position = moved[i]->position;
        if (moved[i]->known->mark.time_ms < 0)
            client_->context.debug("kafka: topic \"" + *moved[i]->topic + "\" partition " +
                                   std::to_string(moved[i]->partition) + " is marked at offset " +
                                   std::to_string(position));
        moved[i]->known->mark = {times[i], first[i] >= 0 ? first[i] : position, position, true};
    }
}

// Reading goes back by itself where the position is out of the log's range. It can do that in the same log
// too (a resume, a message of an older assignment): what comes then is known to the engine.
bool KafkaConsumer::jumped_back(Owned& owned, std::int64_t offset) {
    if (offset > owned.last_read) {
        owned.last_read = offset;
        return false;
    }
    const std::optional<bool> another = is_another_log(owned);
    if (!another) return false;  // asked again with the next
    owned.last_read = offset;
    if (*another) start_over(owned);
    return *another;
}

// Nothing: it cannot be known now.
std::optional<bool> KafkaConsumer::is_another_log(Owned& owned) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    if (rd_kafka_query_watermark_offsets(rk_, owned.topic->c_str(), owned.partition, &low, &high, ask_ms) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    if (high < owned.position) return true;
    const Mark& mark = owned.known->mark;
    if (mark.time_ms < 0) return false;
    std::vector<std::int64_t> first;
    if (!ask_marks({&owned}, {mark.time_ms}, first) || first[0] < -1) return std::nullopt;
    return first[0] >= 0 && first[0] < mark.first;
}

// From now on nothing of the partition is handed out before rewind() has found its start. With
// auto.offset.reset: error nothing at all is.
void KafkaConsumer::begin_anew(Owned& owned, std::int64_t read_to) {
    metrics_.add("kafka_log_restarts_total",
                 "Times that a partition was another log than before: made again, or truncated", 1);
    owned.starts_over = rewinds_ = true;
    const std::string what = "kafka: topic \"" + *owned.topic + "\" partition " +
                             std::to_string(owned.partition) + " is not the log that was read up to offset " +
                             std::to_string(read_to) +
                             ": the topic was deleted and created again, or it was truncated. ";
    const auto policy = properties_.find("auto.offset.reset");
    if (policy == properties_.end() || policy->second != "error")
        return client_->context.error(what + "It is read from its start, in a new epoch");
    over_ = Error(ErrorCode::config, what +
                                         "auto.offset.reset is error: decide where reading goes on, and move "
                                         "the group's offset there (kafka-consumer-groups --reset-offsets)");
}

// The partition leaves the engine as if another process had it, and comes back in a new epoch, at its start:
// what is in the log now was not there before.
void KafkaConsumer::start_over(Owned& owned) {
    begin_anew(owned, owned.position);
    if (over_) return;
    const volley_partition before = view_of_partition(owned, -1);
    if (events_ != nullptr) events_->revoked(events_->context, &before, 1, sizeof before, 1);
    const bool paused = owned.paused;
    Owned anew;
    anew.topic = owned.topic;
    anew.partition = owned.partition;
    anew.known = owned.known;
    anew.known->mark = {};
    anew.epoch = ++anew.known->epoch;
    anew.paused = paused;
    anew.starts_over = true;
    owned = anew;
    resume_all();
    const volley_partition after = view_of_partition(owned, -1);
    if (events_ != nullptr) events_->assigned(events_->context, &after, 1, sizeof after);
}

// What was fetched before the seek is dropped by librdkafka. The start is committed at once: a process that
// takes over must not go on at an offset of the log before.
void KafkaConsumer::rewind() {
    if (asked_ms_ < next_rewind_ms_ || over_) return;
    next_rewind_ms_ = asked_ms_ + rewind_again_ms;
    rewinds_ = false;
    for (Owned& owned : owned_) {
        if (!owned.starts_over) continue;
        rewinds_ = true;  // until all are done
        std::int64_t low = 0;
        std::int64_t high = 0;
        if (rd_kafka_query_watermark_offsets(rk_, owned.topic->c_str(), owned.partition, &low, &high,
                                             ask_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        const List list = new_list(1);
        rd_kafka_topic_partition_list_add(list.get(), owned.topic->c_str(), owned.partition)->offset = low;
        rd_kafka_error_t* const error = rd_kafka_seek_partitions(rk_, list.get(), ask_ms);
        const bool sought = error == nullptr && list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_error_destroy(error);
        if (!sought) return;
        owned.starts_over = false;
        owned.position = owned.wanted = low;
        owned.last_read = low - 1;
    }
    rewinds_ = false;
    next_log_check_ms_ = 0;
    send_commit();
}

// A topic that does not exist keeps the input from being ready. librdkafka looks for it every few minutes,
// and looks now if it is asked for the metadata of all.
void KafkaConsumer::watch_topics() {
    if (!topics_in_doubt_ && !health_.is_missing()) return;
    if (asked_ms_ < next_topics_look_ms_) return;
    next_topics_look_ms_ = asked_ms_ + look_every_ms;
    const auto missing = missing_topics(rk_, client_->context.value(), ask_ms);
    if (!missing) return;
    health_.set_missing(*missing);
    topics_in_doubt_ = false;
    if (!missing->empty()) return;
    next_log_check_ms_ = 0;
    const rd_kafka_metadata_t* all = nullptr;
    if (rd_kafka_metadata(rk_, 1, nullptr, &all, ask_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(all);
    else
        topics_in_doubt_ = true;
}

}  // namespace volley::kafka
