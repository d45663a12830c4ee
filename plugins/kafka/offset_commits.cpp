#include "offset_commits.hpp"

#include <algorithm>
#include <string>

#include "clock.hpp"
#include "partition_list.hpp"
#include "topics.hpp"

namespace volley::kafka {

OffsetCommits::~OffsetCommits() {
    if (queue_ != nullptr) rd_kafka_queue_destroy(queue_);
}

void OffsetCommits::open() {
    if (queue_ == nullptr) queue_ = rd_kafka_queue_new(instance_.rk());
}

void OffsetCommits::send() {
    if (!schedule_.may_send(now_ms())) return;
    const List list = new_list(partitions_.size());
    for (const OwnedPartition& owned : partitions_) {
        if (!owned.commit.is_due()) continue;
        rd_kafka_topic_partition_list_add(list.get(), owned.topic->c_str(), owned.partition)->offset =
            owned.commit.requested;
    }
    if (list->cnt == 0) return;
    // With a separate queue the call returns immediately, and serving that queue calls on_commit with the
    // outcome.
    const auto code =
        rd_kafka_commit_queue(instance_.rk(), list.get(), queue_, &OffsetCommits::on_commit, this);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        schedule_.sent();
    else
        schedule_.failed(now_ms());
}

void OffsetCommits::serve(int timeout_ms) {
    if (queue_ == nullptr) return;
    rd_kafka_queue_poll_callback(queue_, timeout_ms);
    send();
}

void OffsetCommits::on_commit(rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                              void* self) {
    static_cast<OffsetCommits*>(self)->end(code, list);
}

void OffsetCommits::end(rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t* list) {
    schedule_.ended();
    for (int i = 0; list != nullptr && i < list->cnt; ++i) {
        const rd_kafka_topic_partition_t& p = list->elems[i];
        OwnedPartition* owned = partitions_.find(p.topic, p.partition);
        if (owned == nullptr) continue;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && p.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            owned->commit.succeed(p.offset);
        } else {
            owned->commit.fail(p.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
            schedule_.failed(now_ms());
        }
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    schedule_.failed(now_ms());
    instance_.context().debug(std::string("kafka: a commit failed and will be retried: ") +
                              rd_kafka_err2str(code));
}

bool OffsetCommits::is_done() const {
    return std::all_of(partitions_.begin(), partitions_.end(),
                       [](const OwnedPartition& owned) { return owned.commit.is_done(); });
}

void OffsetCommits::wait(std::uint32_t timeout_ms) {
    constexpr int serve_ms = 20;
    const std::int64_t deadline = now_ms() + timeout_ms;
    while (!is_done() && now_ms() < deadline) {
        serve(serve_ms);
        find_gone_topics();
    }
    if (!is_done()) throw Error(ErrorCode::retry, "kafka: the offsets were not committed before the timeout");
}

// The broker refuses the offsets of a deleted topic. There is then nothing left to read again, so a stop does
// not wait for them. A broker that does not know a new topic yet also refuses them; therefore the topic is
// looked up.
void OffsetCommits::find_gone_topics() {
    constexpr int query_timeout_ms = 1000;
    for (OwnedPartition& owned : partitions_) {
        if (!owned.commit.is_refused) continue;
        owned.commit.is_refused = false;
        const auto missing = missing_topics(instance_.rk(), *owned.topic, query_timeout_ms);
        owned.commit.topic_is_gone = missing && !missing->empty();
    }
}

}  // namespace volley::kafka
