#include "rebalance_listener.hpp"

#include <string_view>
#include <vector>

#include "clock.hpp"
#include "partition_list.hpp"
#include "pausing.hpp"
#include "volley/abi.hpp"

namespace volley::kafka {

void RebalanceListener::on_rebalance(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list) {
    rd_kafka_t* const rk = instance_.rk();
    const bool cooperative = std::string_view(rd_kafka_rebalance_protocol(rk)) == "COOPERATIVE";
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assign(list);
        if (cooperative)
            rd_kafka_error_destroy(rd_kafka_incremental_assign(rk, list));
        else
            rd_kafka_assign(rk, list);
        return;
    }
    const bool lost = is_lost(code);  // asked before the assignment changes, which resets it
    status_.count_rebalance();
    revoke(list, lost);
    if (cooperative && code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        rd_kafka_error_destroy(rd_kafka_incremental_unassign(rk, list));
    else
        rd_kafka_assign(rk, nullptr);
}

// Another member may own lost partitions already. A process that was suspended for longer than its session
// has also lost its partitions, but librdkafka does not report it if a rebalance was in progress (librdkafka
// #5604).
bool RebalanceListener::is_lost(rd_kafka_resp_err_t code) const {
    const std::int64_t session_ms = number_of(instance_.properties(), "session.timeout.ms", 45000);
    return rd_kafka_assignment_lost(instance_.rk()) != 0 || code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS ||
           polls_.gap_ms(now_ms()) > session_ms;
}

void RebalanceListener::assign(const rd_kafka_topic_partition_list_t* list) {
    constexpr int committed_timeout_ms = 3000;
    std::vector<volley_partition> announced;
    // Reading starts at the committed offsets. They are requested here, so that a gap before the first
    // message is detected.
    const List starts(rd_kafka_topic_partition_list_copy(list));
    const bool is_known =
        rd_kafka_committed(instance_.rk(), starts.get(), committed_timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < list->cnt; ++i) {
        const rd_kafka_topic_partition_t& start = starts->elems[i];
        OwnedPartition& owned = partitions_.assign(list->elems[i].topic, list->elems[i].partition,
                                                   is_known && start.offset >= 0 ? start.offset : -1);
        // The broker deletes a topic's committed offsets with the topic.
        if (is_known && start.err == RD_KAFKA_RESP_ERR_NO_ERROR && owned.has_lost_offset())
            logs_.note_lost_offset(owned);
        announced.push_back(owned.view(owned.read.position));
    }
    resume_all(instance_.rk(), partitions_);
    logs_.note_assignment();
    events_.assigned(announced);
}

void RebalanceListener::revoke(const rd_kafka_topic_partition_list_t* list, bool lost) {
    std::vector<volley_partition> revoked;
    // librdkafka keeps a revoked partition paused, and would never read it after the next assignment.
    const List paused = new_list(0);
    for (int i = 0; i < list->cnt; ++i) {
        const OwnedPartition* owned = partitions_.find(list->elems[i].topic, list->elems[i].partition);
        if (owned == nullptr) continue;
        if (owned->is_paused)
            rd_kafka_topic_partition_list_add(paused.get(), owned->topic->c_str(), owned->partition);
        revoked.push_back(owned->view(-1));
    }
    events_.revoked(revoked, lost);
    if (paused->cnt > 0) rd_kafka_resume_partitions(instance_.rk(), paused.get());
    for (const volley_partition& view : revoked) partitions_.revoke(text_of(view.source), view.partition);
}

}  // namespace volley::kafka
