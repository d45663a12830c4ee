// Assignment and commits. Epochs are ours: librdkafka accepts a commit for an earlier assignment of a
// partition that was assigned again.
#include <algorithm>

#include "clock.hpp"
#include "consumer.hpp"
#include "partition_list.hpp"
#include "topics.hpp"

namespace volley::kafka {

namespace {

constexpr std::int64_t commit_retry_ms = 500;
constexpr int committed_timeout_ms = 3000;
constexpr int query_timeout_ms = 1000;

}  // namespace

// ---- rebalances: librdkafka calls on_rebalance from rd_kafka_consumer_poll

void KafkaConsumer::on_rebalance(rd_kafka_t* rk, rd_kafka_resp_err_t code,
                                 rd_kafka_topic_partition_list_t* list, void* opaque) {
    auto& self = *static_cast<KafkaConsumer*>(static_cast<Client*>(opaque)->owner);
    const bool cooperative = std::string_view(rd_kafka_rebalance_protocol(rk)) == "COOPERATIVE";
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        self.assign(list);
        if (cooperative)
            rd_kafka_error_destroy(rd_kafka_incremental_assign(rk, list));
        else
            rd_kafka_assign(rk, list);
        return;
    }
    // Checked before the assignment changes, which resets it. Another member may own lost partitions already.
    // A process that was suspended for longer than its session has lost its partitions too, but librdkafka
    // does not say so if a rebalance was in progress (librdkafka #5604).
    const std::int64_t session_ms = number_of(self.properties_, "session.timeout.ms", 45000);
    const std::int64_t gap_ms = std::max(self.poll_gap_ms_, now_ms() - self.polled_ms_);
    const bool lost = rd_kafka_assignment_lost(rk) != 0 || code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS ||
                      gap_ms > session_ms;
    self.metrics_.add("kafka_rebalances_total", "Assignments taken away from this consumer", 1);
    self.revoke(list, lost);
    if (cooperative && code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        rd_kafka_error_destroy(rd_kafka_incremental_unassign(rk, list));
    else
        rd_kafka_assign(rk, nullptr);
}

void KafkaConsumer::assign(rd_kafka_topic_partition_list_t* list) {
    std::vector<volley_partition> announced;
    // Reading starts at the committed offsets. They are requested here, so that a gap before the first
    // message is noticed.
    const List starts(rd_kafka_topic_partition_list_copy(list));
    const bool is_known =
        rd_kafka_committed(rk_, starts.get(), committed_timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < list->cnt; ++i) {
        const rd_kafka_topic_partition_t& p = list->elems[i];
        Owned owned;
        owned.topic = &*topics_.insert(p.topic).first;
        owned.partition = p.partition;
        owned.history = &history_[{p.topic, p.partition}];
        owned.epoch = ++owned.history->epoch;
        if (is_known && starts->elems[i].offset >= 0) {
            owned.assigned_at = owned.position = starts->elems[i].offset;
            owned.last_read = owned.assigned_at - 1;
        }
        // The broker deletes a topic's committed offsets with the topic. If other members have read the
        // partition since, it was up to them to notice that the log was replaced.
        const std::int64_t before = owned.history->committed;
        const bool is_offset_lost = is_known && starts->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                                    owned.assigned_at < 0 && before >= 0;
        if (owned.assigned_at != before) owned.history->mark = {};
        if (is_offset_lost) report_new_log(owned, before);
        owned_.erase(std::remove_if(owned_.begin(), owned_.end(),
                                    [&](const Owned& o) {
                                        return o.topic == owned.topic && o.partition == owned.partition;
                                    }),
                     owned_.end());
        owned_.push_back(owned);
        announced.push_back(to_view(owned, owned.position));
    }
    resume_all();
    next_log_check_ms_ = 0;
    if (events_ != nullptr && !announced.empty()) {
        events_->assigned(events_->context, announced.data(), static_cast<std::uint32_t>(announced.size()),
                          sizeof(volley_partition));
    }
}

void KafkaConsumer::revoke(rd_kafka_topic_partition_list_t* list, bool lost) {
    std::vector<volley_partition> revoked_partitions;
    // librdkafka keeps a revoked partition paused, and would never read it after the next assignment.
    const List paused = new_list(0);
    for (int i = 0; i < list->cnt; ++i) {
        Owned* owned = find(list->elems[i].topic, list->elems[i].partition);
        if (owned == nullptr) continue;
        if (owned->paused)
            rd_kafka_topic_partition_list_add(paused.get(), owned->topic->c_str(), owned->partition);
        revoked_partitions.push_back(to_view(*owned, -1));
    }
    // Unless they are lost, the engine drains and commits before this call returns.
    if (events_ != nullptr && !revoked_partitions.empty()) {
        events_->revoked(events_->context, revoked_partitions.data(),
                         static_cast<std::uint32_t>(revoked_partitions.size()), sizeof(volley_partition),
                         lost ? 1 : 0);
    }
    if (paused->cnt > 0) rd_kafka_resume_partitions(rk_, paused.get());
    for (const volley_partition& v : revoked_partitions) {
        if (const Owned* owned = find(text_of(v.source), v.partition))
            owned->history->committed = std::max(owned->committed, owned->assigned_at);
        owned_.erase(std::remove_if(owned_.begin(), owned_.end(),
                                    [&](const Owned& o) {
                                        return o.partition == v.partition && *o.topic == text_of(v.source);
                                    }),
                     owned_.end());
    }
    last_owned_ = 0;
}

volley_partition KafkaConsumer::to_view(const Owned& owned, std::int64_t offset) {
    volley_partition v{};
    v.source = view_of(*owned.topic);
    v.partition = owned.partition;
    v.epoch = owned.epoch;
    v.offset = offset;
    return v;
}

// After an assignment the engine assumes that no partition is paused.
void KafkaConsumer::resume_all() {
    const List list = new_list(owned_.size());
    for (Owned& owned : owned_) {
        if (owned.paused)
            rd_kafka_topic_partition_list_add(list.get(), owned.topic->c_str(), owned.partition);
        owned.paused = false;
    }
    if (list->cnt > 0) rd_kafka_resume_partitions(rk_, list.get());
}

void KafkaConsumer::pause(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                          bool paused) {
    const List list = new_list(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_partition& p = element(partitions, stride, i);
        Owned* owned = find(text_of(p.source), p.partition);
        // Resuming a partition that is not paused can rewind it in 2.0.2 (librdkafka #4636).
        if (owned == nullptr || owned->paused == paused) continue;
        owned->paused = paused;
        rd_kafka_topic_partition_list_add(list.get(), owned->topic->c_str(), owned->partition);
    }
    if (list->cnt == 0) return;
    if (paused)
        rd_kafka_pause_partitions(rk_, list.get());
    else
        rd_kafka_resume_partitions(rk_, list.get());
}

void KafkaConsumer::seek(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride) {
    const List list = new_list(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_partition& p = element(partitions, stride, i);
        const std::string topic(text_of(p.source));
        rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), p.partition)->offset = p.offset;
    }
    constexpr int seek_ms = 5000;
    if (rd_kafka_error_t* error = rd_kafka_seek_partitions(rk_, list.get(), seek_ms)) {
        const std::string why = rd_kafka_error_string(error);
        rd_kafka_error_destroy(error);
        throw Error(ErrorCode::retry, "kafka: cannot seek: " + why);
    }
}

// ---- commits: one in flight at a time; further offsets go with the next

std::int32_t KafkaConsumer::commit(const volley_partition* partitions, std::uint32_t count,
                                   std::uint32_t stride, bool wait, std::uint32_t timeout_ms) {
    throw_if_failed();
    bool stale = false;
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_partition& p = element(partitions, stride, i);
        Owned* owned = find(text_of(p.source), p.partition);
        if (owned == nullptr || owned->epoch != p.epoch) {
            stale = true;
            continue;
        }
        // After the last message there can be records that are not delivered to the engine.
        const std::int64_t offset = p.offset == owned->delivered_to ? owned->position : p.offset;
        owned->to_commit = std::max(owned->to_commit, offset);  // never backwards
    }
    serve_commits(0);
    send_commit();
    if (wait) {
        const std::int64_t deadline = now_ms() + timeout_ms;
        const auto done = [this] {
            return std::all_of(owned_.begin(), owned_.end(),
                               [](const Owned& o) { return o.committed >= o.to_commit || o.topic_is_gone; });
        };
        while (!done() && now_ms() < deadline) {
            serve_commits(20);
            send_commit();
            find_gone_topics();
        }
        if (!done())
            throw Error(ErrorCode::retry, "kafka: the offsets were not committed before the timeout");
    }
    return stale ? VOLLEY_E_LOST : VOLLEY_OK;
}

// The broker refuses the offsets of a topic that was deleted. There is nothing left to read again then, so
// that a stop does not wait for them. A broker that has not heard of a new topic yet refuses them, too;
// therefore the topic is looked up.
void KafkaConsumer::find_gone_topics() {
    for (Owned& owned : owned_) {
        if (!owned.is_refused) continue;
        owned.is_refused = false;
        const auto missing = missing_topics(rk_, *owned.topic, query_timeout_ms);
        owned.topic_is_gone = missing && !missing->empty();
    }
}

void KafkaConsumer::send_commit() {
    if (commit_in_flight_ || now_ms() < next_commit_ms_) return;
    const List list = new_list(owned_.size());
    for (Owned& owned : owned_) {
        if (owned.to_commit <= owned.committed) continue;
        owned.committing = owned.to_commit;
        rd_kafka_topic_partition_list_add(list.get(), owned.topic->c_str(), owned.partition)->offset =
            owned.to_commit;
    }
    if (list->cnt == 0) return;
    // With a queue of our own the call returns at once, and serving that queue calls on_commit with the
    // result.
    const auto code =
        rd_kafka_commit_queue(rk_, list.get(), commit_queue_, &KafkaConsumer::on_commit, client_.get());
    commit_in_flight_ = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!commit_in_flight_) next_commit_ms_ = now_ms() + commit_retry_ms;
}

void KafkaConsumer::serve_commits(int timeout_ms) {
    if (commit_queue_ == nullptr) return;
    rd_kafka_queue_poll_callback(commit_queue_, timeout_ms);
    if (!commit_in_flight_) send_commit();
}

void KafkaConsumer::on_commit(rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                              void* opaque) {
    static_cast<KafkaConsumer*>(static_cast<Client*>(opaque)->owner)->committed(code, list);
}

void KafkaConsumer::committed(rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t* list) {
    commit_in_flight_ = false;
    for (int i = 0; list != nullptr && i < list->cnt; ++i) {
        const rd_kafka_topic_partition_t& p = list->elems[i];
        Owned* owned = find(p.topic, p.partition);
        if (owned == nullptr) continue;
        owned->is_refused = p.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        owned->topic_is_gone &= owned->is_refused;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && p.err == RD_KAFKA_RESP_ERR_NO_ERROR)
            owned->committed = std::max(owned->committed, p.offset);
        else
            next_commit_ms_ = now_ms() + commit_retry_ms;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        next_commit_ms_ = now_ms() + commit_retry_ms;
        client_->context.debug(std::string("kafka: a commit failed and will be retried: ") +
                               rd_kafka_err2str(code));
    }
}

}  // namespace volley::kafka
