// The Kafka consumer: a thin adapter. The engine keeps offsets, windows and order; the consumer keeps the
// partitions with their epochs, lends messages from librdkafka's memory, and commits offsets, never
// backwards.
//
// It uses only rd_kafka_consumer_poll: in librdkafka 2.0.2 the batch functions can lose messages around a
// rebalance (#4208).
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "browser.hpp"
#include "client.hpp"
#include "statistics.hpp"
#include "volley/removal.h"

namespace volley::kafka {

class KafkaConsumer {
public:
    explicit KafkaConsumer(Context context);
    ~KafkaConsumer();
    KafkaConsumer(const KafkaConsumer&) = delete;
    KafkaConsumer& operator=(const KafkaConsumer&) = delete;

    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void poll(std::uint32_t timeout_ms);
    void interrupt();
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    // The extensions; extensions.cpp has their tables.
    void listen(const volley_partition_events* events) { events_ = events; }
    void pause(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride, bool paused);
    std::int32_t commit(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                        bool wait, std::uint32_t timeout_ms);
    void seek(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride);
    void stats(volley_stats& out);
    void check(std::uint32_t timeout_ms);
    // Names the cluster and the group: each group has its own committed offsets.
    const std::string& identity();
    // Reads outside the group. Created by the first call.
    Browser& browser();

private:
    // Detects that a partition's log was replaced. In one and the same log, the offset of the first record
    // that is not older than `time_ms` never falls below `first`: records are only appended at the end and
    // deleted at the start. In a topic that was recreated it does.
    struct Mark {
        std::int64_t time_ms = -1;  // negative: no mark yet
        std::int64_t first = -1;
        std::int64_t position = -1;  // the next offset to read when the mark was set
        bool is_checked = false;     // the last query had an answer for it
    };
    // What outlives an assignment of the partition.
    struct History {
        std::uint32_t epoch = 0;
        std::int64_t committed = -1;  // at the end of the last assignment
        Mark mark;
    };
    // A partition that is assigned now.
    struct Owned {
        const std::string* topic = nullptr;
        std::int32_t partition = 0;
        std::uint32_t epoch = 0;
        History* history = nullptr;
        std::int64_t position = -1;      // the next offset to deliver; -1: unknown, nothing was committed
        std::int64_t last_read = -1;     // the last offset received, or the one before `assigned_at`
        std::int64_t newest_ms = -1;     // the latest timestamp of a message
        std::int64_t delivered_to = -1;  // the offset after the last message that was delivered to the engine
        std::int64_t assigned_at = -1;   // the committed offset at the assignment
        std::int64_t to_commit = -1;     // the offset to commit
        std::int64_t committing = -1;    // the offset in the commit that is in flight
        std::int64_t committed = -1;     // the offset of the last commit that succeeded
        bool paused = false;
        bool is_refused = false;     // by the last commit: the broker does not know the partition
        bool topic_is_gone = false;  // its offsets cannot be committed, and need not be
        bool is_restarting = false;  // messages are from the replaced log, and are dropped; see restart()
    };
    struct Delivery {
        rd_kafka_message_t* message = nullptr;
        std::vector<volley_header> headers;
    };

    void subscribe();
    void receive(rd_kafka_message_t* message, volley_batch& batch, std::uint64_t& bytes);
    void fill(volley_message& out, rd_kafka_message_t* message, const Owned& owned);
    void skip_resolution(volley_message& out, Owned& owned);
    void release(std::uint64_t handle);
    void handle_error(const rd_kafka_message_t* message);
    void handle_eof(const rd_kafka_message_t* message);
    void commit_to_position(Owned& owned);
    Owned* find(std::string_view topic, std::int32_t partition);
    static void on_rebalance(rd_kafka_t* rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                             void* client);
    void assign(rd_kafka_topic_partition_list_t* list);
    void revoke(rd_kafka_topic_partition_list_t* list, bool lost);
    static void on_commit(rd_kafka_t* rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                          void* client);
    void committed(rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t* list);
    void serve_commits(int timeout_ms);
    void send_commit();
    void find_gone_topics();
    void throw_if_failed();

    static void on_statistics(void* self, std::string_view json);
    void publish(const Statistics& statistics);
    void record_poll();
    int resume_if_due(int wait);
    void check_gap(const Owned& owned, std::int64_t offset);
    static volley_partition to_view(const Owned& owned, std::int64_t offset);
    void resume_all();

    // log_watch.cpp
    void check_logs();
    void check_log_soon(const Owned& owned);
    bool check_marks();
    void update_marks();
    bool query_marks(const std::vector<Owned*>& partitions, const std::vector<std::int64_t>& times,
                     std::vector<std::int64_t>& first);
    std::optional<bool> is_new_log(Owned& owned);
    bool has_gone_back(Owned& owned, std::int64_t offset);
    void report_new_log(Owned& owned, std::int64_t read_to);
    void restart(Owned& owned);
    void seek_restarted();
    void check_topics();

    std::unique_ptr<Client> client_;
    Properties properties_;
    Health health_;
    Metrics metrics_;
    rd_kafka_t* rk_ = nullptr;
    rd_kafka_queue_t* queue_ = nullptr;         // the consumer's own, for interrupt()
    rd_kafka_queue_t* commit_queue_ = nullptr;  // results of commits
    std::string identity_;                      // empty: not requested yet
    bool subscribed_ = false;
    bool abandoned_ = false;
    const volley_partition_events* events_ = nullptr;
    std::set<std::string> topics_;  // interned: message sources point here
    std::vector<Owned> owned_;
    std::size_t last_owned_ = 0;
    std::map<std::pair<std::string, std::int32_t>, History> history_;
    std::vector<Delivery> deliveries_;
    std::vector<std::uint64_t> free_;
    bool commit_in_flight_ = false;
    std::int64_t next_commit_ms_ = 0;  // after a failure
    std::int64_t polled_ms_ = 0;       // when librdkafka was last polled for messages
    std::int64_t poll_gap_ms_ = 0;     // between the last two polls
    std::int64_t gap_checked_ms_ = 0;
    std::int64_t log_checked_ms_ = 0;
    std::int64_t next_log_check_ms_ = 0;
    std::int64_t next_restart_ms_ = 0;
    bool has_restarts_ = false;  // some partition is restarting
    std::int64_t next_topics_check_ms_ = 0;
    bool topics_uncertain_ = false;       // librdkafka reported one as unknown
    bool received_since_resume_ = false;  // some messages
    std::int64_t resumed_ms_ = 0;
    std::unique_ptr<Browser> browser_;
    std::optional<Error> failure_;  // found while polling; the next call throws it
};

const volley_ext_partitions* partitions_functions();
const volley_ext_log* log_functions();
const volley_ext_inspect* inspect_functions();
const volley_ext_history* history_functions();
const volley_ext_identity* identity_functions();
const volley_ext_removal* removal_functions();

}  // namespace volley::kafka
