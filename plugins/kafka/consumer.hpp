// The Kafka consumer: a thin adapter. Offsets, windows and order are the engine's; here are partitions with
// epochs, message views into librdkafka's memory, and a committer that never goes back.
//
// Only rd_kafka_consumer_poll is used: in librdkafka 2.0.2 the batch functions can lose messages around a
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

    // The abilities, as extensions.cpp offers them.
    void listen(const volley_partition_events* events) { events_ = events; }
    void pause(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride, bool paused);
    std::int32_t commit(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                        bool wait, std::uint32_t timeout_ms);
    void seek(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride);
    void stats(volley_stats& out);
    void check(std::uint32_t timeout_ms);
    // The cluster and the group: another group has a progress of its own.
    const std::string& identity();
    // Looks beside the group; made when it is first asked for.
    Browser& browser();

private:
    // As long as it is the same log, the first record that is not older than `time_ms` never stands before
    // `first`: records are only added behind, and taken away. In a log that was made anew it does.
    struct Mark {
        std::int64_t time_ms = -1;  // negative: there is no mark
        std::int64_t first = -1;
        std::int64_t position = -1;  // of reading, when the mark was made
        bool is_checked = false;     // when it was last asked for
    };
    // What is known of a partition across its assignments.
    struct Known {
        std::uint32_t epoch = 0;
        std::int64_t committed = -1;  // as the last assignment left it
        Mark mark;
    };
    // A partition that is ours now.
    struct Owned {
        const std::string* topic = nullptr;
        std::int32_t partition = 0;
        std::uint32_t epoch = 0;
        Known* known = nullptr;
        std::int64_t position = -1;   // the next offset to hand out; -1: unknown, nothing was committed
        std::int64_t last_read = -1;  // the last offset that came, or the one before `began`
        std::int64_t newest_ms = -1;  // the latest time of a message
        std::int64_t handed_to = -1;  // behind the last message that the engine got
        std::int64_t began = -1;      // what was committed when it was assigned
        std::int64_t wanted = -1;     // to be committed
        std::int64_t sent = -1;       // in a commit that is under way
        std::int64_t committed = -1;  // confirmed
        bool paused = false;
        bool starts_over = false;  // what comes is of the log before; see start_over()
    };
    struct Delivery {
        rd_kafka_message_t* message = nullptr;
        std::vector<volley_header> headers;
    };

    void subscribe();
    void take(rd_kafka_message_t* message, volley_batch& batch, std::uint64_t& bytes);
    void fill(volley_message& out, rd_kafka_message_t* message, const Owned& owned);
    void pass_over(volley_message& out, Owned& owned);
    void give_back(std::uint64_t handle);
    void note_error(const rd_kafka_message_t* message);
    void reached_end(const rd_kafka_message_t* message);
    void pass_to_position(Owned& owned);
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
    void throw_if_over();

    static void on_statistics(void* self, std::string_view json);
    void show(const Statistics& statistics);
    void note_turn();
    int resume_or_shorten(int wait);
    void note_gap(const Owned& owned, std::int64_t offset);
    static volley_partition view_of_partition(const Owned& owned, std::int64_t offset);
    void resume_all();

    // log_watch.cpp
    void watch_logs();
    void mark_soon(const Owned& owned);
    bool check_marks();
    void renew_marks();
    bool ask_marks(const std::vector<Owned*>& partitions, const std::vector<std::int64_t>& times,
                   std::vector<std::int64_t>& first);
    std::optional<bool> is_another_log(Owned& owned);
    bool jumped_back(Owned& owned, std::int64_t offset);
    void begin_anew(Owned& owned, std::int64_t read_to);
    void start_over(Owned& owned);
    void rewind();
    void watch_topics();

    std::unique_ptr<Client> client_;
    Properties properties_;
    Health health_;
    Metrics metrics_;
    rd_kafka_t* rk_ = nullptr;
    rd_kafka_queue_t* queue_ = nullptr;         // the consumer's own: for interrupt()
    rd_kafka_queue_t* commit_queue_ = nullptr;  // results of commits
    std::string identity_;                      // empty: not asked yet
    bool subscribed_ = false;
    bool given_up_ = false;
    const volley_partition_events* events_ = nullptr;
    std::set<std::string> topics_;  // interned: a source keeps its pointer
    std::vector<Owned> owned_;
    std::size_t last_owned_ = 0;
    std::map<std::pair<std::string, std::int32_t>, Known> known_;
    std::vector<Delivery> deliveries_;
    std::vector<std::uint64_t> free_;
    bool commit_under_way_ = false;
    std::int64_t next_commit_ms_ = 0;  // after a failure
    std::int64_t asked_ms_ = 0;        // when librdkafka was last asked for a message
    std::int64_t longest_gap_ms_ = 0;  // between the last two such times
    std::int64_t gap_checked_ms_ = 0;
    std::int64_t log_checked_ms_ = 0;
    std::int64_t next_log_check_ms_ = 0;
    std::int64_t next_rewind_ms_ = 0;
    bool rewinds_ = false;  // some partition starts over
    std::int64_t next_topics_look_ms_ = 0;
    bool topics_in_doubt_ = false;     // librdkafka missed one
    bool took_since_resumed_ = false;  // messages; since fetching was last resumed
    std::int64_t resumed_ms_ = 0;
    std::unique_ptr<Browser> browser_;
    std::optional<Error> over_;  // came while messages were taken: the next call throws it
};

const volley_ext_partitions* partitions_functions();
const volley_ext_log* log_functions();
const volley_ext_inspect* inspect_functions();
const volley_ext_history* history_functions();
const volley_ext_identity* identity_functions();
const volley_ext_removal* removal_functions();

}  // namespace volley::kafka
