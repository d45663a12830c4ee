// Assignment and commits. Epochs are ours: librdkafka accepts the commit of an old assignment once the
// partition is back.
#include <algorithm>

#include "clock.hpp"
#include "consumer.hpp"
#include "partition_list.hpp"

namespace volley::kafka {

namespace {

constexpr std::int64_t commit_retry_ms = 500;
constexpr int committed_ms = 3000;

}  // namespace

// ---- rebalances: called by librdkafka from inside rd_kafka_consumer_poll

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
    // Asked first: any change of the assignment resets it. Lost: another member may own them already. A
    // process that stood still for longer than its session has lost them too, but librdkafka forgets to say
    // so where an ordinary rebalance was under way (librdkafka #5604).
    const std::int64_t session_ms = number_of(self.properties_, "session.timeout.ms", 45000);
    const std::int64_t gap_ms = std::max(self.longest_gap_ms_, now_ms() - self.asked_ms_);
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
    // What is committed is where reading starts: known from here on, so that a gap before the first message
    // is seen too.
    const List starts(rd_kafka_topic_partition_list_copy(list));
    const bool known = rd_kafka_committed(rk_, starts.get(), committed_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < list->cnt; ++i) {
        const rd_kafka_topic_partition_t& p = list->elems[i];
        Owned owned;
        owned.topic = &*topics_.insert(p.topic).first;
        owned.partition = p.partition;
        owned.known = &known_[{p.topic, p.partition}];
        owned.epoch = ++owned.known->epoch;
        if (known && starts->elems[i].offset >= 0) {
            owned.began = owned.position = starts->elems[i].offset;
            owned.last_read = owned.began - 1;
        }
        // The broker forgets what was committed when a topic is deleted. Where others read meanwhile, it is
        // theirs to notice that the log is another.
        const std::int64_t before = owned.known->committed;
        const bool is_forgotten =
            known && starts->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR && owned.began < 0 && before >= 0;
        if (owned.began != before) owned.known->mark = {};
        if (is_forgotten) begin_anew(owned, before);
        owned_.erase(std::remove_if(owned_.begin(), owned_.end(),
                                    [&](const Owned& o) {
                                        return o.topic == owned.topic && o.partition == owned.partition;
                                    }),
                     owned_.end());
        owned_.push_back(owned);
        announced.push_back(view_of_partition(owned, owned.position));
    }
    resume_all();
    next_log_check_ms_ = 0;
    if (events_ != nullptr && !announced.empty()) {
        events_->assigned(events_->context, announced.data(), static_cast<std::uint32_t>(announced.size()),
                          sizeof(volley_partition));
    }
}

void KafkaConsumer::revoke(rd_kafka_topic_partition_list_t* list, bool lost) {
    std::vector<volley_partition> gone;
    // librdkafka keeps the pause of a partition that leaves: coming back, it would stand still for ever.
    const List paused = new_list(0);
    for (int i = 0; i < list->cnt; ++i) {
        Owned* owned = find(list->elems[i].topic, list->elems[i].partition);
        if (owned == nullptr) continue;
        if (owned->paused)
            rd_kafka_topic_partition_list_add(paused.get(), owned->topic->c_str(), owned->partition);
        gone.push_back(view_of_partition(*owned, -1));
    }
    // The engine drains and commits inside of this call, unless they are lost.
    if (events_ != nullptr && !gone.empty()) {
        events_->revoked(events_->context, gone.data(), static_cast<std::uint32_t>(gone.size()),
                         sizeof(volley_partition), lost ? 1 : 0);
    }
    if (paused->cnt > 0) rd_kafka_resume_partitions(rk_, paused.get());
    for (const volley_partition& v : gone) {
        if (const Owned* owned = find(text_of(v.source), v.partition))
            owned->known->committed = std::max(owned->committed, owned->began);
        owned_.erase(std::remove_if(owned_.begin(), owned_.end(),
                                    [&](const Owned& o) {
                                        return o.partition == v.partition && *o.topic == text_of(v.source);
                                    }),
                     owned_.end());
    }
    last_owned_ = 0;
}

volley_partition KafkaConsumer::view_of_partition(const Owned& owned, std::int64_t offset) {
    volley_partition v{};
    v.source = view_of(*owned.topic);
    v.partition = owned.partition;
    v.epoch = owned.epoch;
    v.offset = offset;
    return v;
}

// The engine takes none for paused when one was assigned.
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
        // Resuming what was not paused can rewind it in 2.0.2 (librdkafka #4636).
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

// ---- commits: one under way at a time; what is wanted meanwhile goes with the next

std::int32_t KafkaConsumer::commit(const volley_partition* partitions, std::uint32_t count,
                                   std::uint32_t stride, bool wait, std::uint32_t timeout_ms) {
    throw_if_over();
    bool stale = false;
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_partition& p = element(partitions, stride, i);
        Owned* owned = find(text_of(p.source), p.partition);
        if (owned == nullptr || owned->epoch != p.epoch) {
            stale = true;
            continue;
        }
        // Behind the last message there may be records that the engine is not shown.
        const std::int64_t offset = p.offset == owned->handed_to ? owned->position : p.offset;
        owned->wanted = std::max(owned->wanted, offset);  // never back
    }
    serve_commits(0);
    send_commit();
    if (wait) {
        const std::int64_t deadline = now_ms() + timeout_ms;
        const auto done = [this] {
            return std::all_of(owned_.begin(), owned_.end(),
                               [](const Owned& o) { return o.committed >= o.wanted; });
        };
        while (!done() && now_ms() < deadline) {
            serve_commits(20);
            send_commit();
        }
        if (!done()) throw Error(ErrorCode::retry, "kafka: the offsets were not committed in time");
    }
    return stale ? VOLLEY_E_LOST : VOLLEY_OK;
}

void KafkaConsumer::send_commit() {
    if (commit_under_way_ || now_ms() < next_commit_ms_) return;
    const List list = new_list(owned_.size());
    for (Owned& owned : owned_) {
        if (owned.wanted <= owned.committed) continue;
        owned.sent = owned.wanted;
        rd_kafka_topic_partition_list_add(list.get(), owned.topic->c_str(), owned.partition)->offset =
            owned.wanted;
    }
    if (list->cnt == 0) return;
    // With a queue of ours it returns at once, and the result comes through on_commit when that queue is
    // served.
    const auto code =
        rd_kafka_commit_queue(rk_, list.get(), commit_queue_, &KafkaConsumer::on_commit, client_.get());
    commit_under_way_ = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!commit_under_way_) next_commit_ms_ = now_ms() + commit_retry_ms;
}

void KafkaConsumer::serve_commits(int timeout_ms) {
    if (commit_queue_ == nullptr) return;
    rd_kafka_queue_poll_callback(commit_queue_, timeout_ms);
    if (!commit_under_way_) send_commit();
}

void KafkaConsumer::on_commit(rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                              void* opaque) {
    static_cast<KafkaConsumer*>(static_cast<Client*>(opaque)->owner)->committed(code, list);
}

void KafkaConsumer::committed(rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t* list) {
    commit_under_way_ = false;
    for (int i = 0; list != nullptr && i < list->cnt; ++i) {
        const rd_kafka_topic_partition_t& p = list->elems[i];
        Owned* owned = find(p.topic, p.partition);
        if (owned == nullptr) continue;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && p.err == RD_KAFKA_RESP_ERR_NO_ERROR)
            owned->committed = std::max(owned->committed, p.offset);
        else
            next_commit_ms_ = now_ms() + commit_retry_ms;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        next_commit_ms_ = now_ms() + commit_retry_ms;
        client_->context.debug(std::string("kafka: a commit failed, and is tried again: ") +
                               rd_kafka_err2str(code));
    }
}

}  // namespace volley::kafka
