// Sends offset commits, one at a time; further offsets wait for the next commit.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>

#include "commit_state.hpp"
#include "consumer_instance.hpp"
#include "owned_partitions.hpp"

namespace volley::kafka {

// The partitions hold the offsets to commit (CommitState). Thread: one at a time.
class OffsetCommits {
public:
    OffsetCommits(ConsumerInstance& instance, OwnedPartitions& partitions)
        : instance_(instance), partitions_(partitions) {}
    ~OffsetCommits();
    OffsetCommits(const OffsetCommits&) = delete;
    OffsetCommits& operator=(const OffsetCommits&) = delete;

    // Requires: the instance is open.
    void open();
    // Sends a commit if one is due, unless another is in flight or has just failed. Does not wait for the
    // broker.
    void send();
    // Waits up to `timeout_ms` for the outcome of a commit, and sends the next one if it is due.
    void serve(int timeout_ms);
    // Waits until all requested offsets are committed, except those of deleted topics. Throws Error{retry} if
    // that takes longer than `timeout_ms`.
    void wait(std::uint32_t timeout_ms);

private:
    static void on_commit(rd_kafka_t* rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                          void* self);
    void end(rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t* list);
    bool is_done() const;
    void find_gone_topics();

    ConsumerInstance& instance_;
    OwnedPartitions& partitions_;
    rd_kafka_queue_t* queue_ = nullptr;  // the outcomes of commits
    CommitSchedule schedule_;
};

}  // namespace volley::kafka
