#include "consumer.hpp"

#include <string>
#include <utility>

#include "clock.hpp"
#include "partition_list.hpp"
#include "pausing.hpp"

namespace volley::kafka {

KafkaConsumer::KafkaConsumer(Context context)
    : instance_(std::move(context), {this, &KafkaConsumer::on_rebalance, &KafkaConsumer::on_statistics}),
      status_(instance_.context(), instance_.properties()),
      commits_(instance_, partitions_),
      topics_(instance_, status_),
      logs_(instance_, partitions_, events_, status_, commits_, topics_),
      rebalances_(instance_, partitions_, events_, status_, logs_),
      reader_(instance_, partitions_, logs_, topics_),
      inspection_(instance_) {}

void KafkaConsumer::open() {
    constexpr int timeout_ms = 4000;
    instance_.open(timeout_ms);
    commits_.open();
    // Without a listener this is only an inspection, and the topic may be created by its first message.
    if (events_.has_listener()) topics_.look(timeout_ms);
}

// Everything that comes before messages. Joins the group if this is the first call that asks for messages: an
// inspection must not take partitions from members. Returns the time of the poll.
std::int64_t KafkaConsumer::begin_poll() {
    if (!instance_.is_subscribed()) instance_.subscribe();
    commits_.serve(0);
    instance_.throw_if_failed();
    const std::int64_t now = now_ms();
    rebalances_.note_poll(now);
    logs_.check(now);
    logs_.note_topics(topics_.check(now));
    return now;
}

std::int32_t KafkaConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    const std::int64_t now = begin_poll();
    reader_.read(batch, static_cast<int>(timeout_ms), now);
    return VOLLEY_OK;
}

void KafkaConsumer::poll(std::uint32_t timeout_ms) {
    const std::int64_t now = begin_poll();
    reader_.read_paused(static_cast<int>(timeout_ms), now);
}

void KafkaConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    reader_.settle(settlements, count, stride);
}

void KafkaConsumer::interrupt() { instance_.interrupt(); }

void KafkaConsumer::close(std::uint32_t timeout_ms) {
    if (!instance_.is_subscribed()) return;
    const std::int64_t deadline = now_ms() + timeout_ms;
    instance_.begin_leaving();
    while (!instance_.has_left() && now_ms() < deadline) {
        constexpr int poll_ms = 50;
        if (rd_kafka_message_t* message = rd_kafka_consumer_poll(instance_.rk(), poll_ms))
            rd_kafka_message_destroy(message);
        commits_.serve(0);
    }
    reader_.release_all();
    instance_.end_leaving();
}

// librdkafka calls back from rd_kafka_consumer_poll.
void KafkaConsumer::on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                                 void* client) {
    static_cast<KafkaConsumer*>(static_cast<Client*>(client)->owner)->rebalances_.on_rebalance(code, list);
}

void KafkaConsumer::on_statistics(void* opaque, std::string_view json) {
    auto& self = *static_cast<KafkaConsumer*>(opaque);
    self.status_.publish(read_statistics(json), self.partitions_, self.instance_.is_subscribed(),
                         self.instance_.last_error());
}

void KafkaConsumer::pause(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                          bool paused) {
    set_paused(instance_.rk(), partitions_, partitions, count, stride, paused);
}

std::int32_t KafkaConsumer::commit(const volley_partition* partitions, std::uint32_t count,
                                   std::uint32_t stride, bool wait, std::uint32_t timeout_ms) {
    instance_.throw_if_failed();
    bool stale = false;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (!partitions_.request_commit(element(partitions, stride, i))) stale = true;
    }
    commits_.serve(0);
    if (wait) commits_.wait(timeout_ms);
    return stale ? VOLLEY_E_LOST : VOLLEY_OK;
}

// For a member, the lag: the messages between its position and the end of each assigned partition. For an
// inspection, which is not a member, the group's lag on all partitions.
void KafkaConsumer::stats(volley_stats& out) {
    out.ready = instance_.is_subscribed() ? logs_.lag() : inspection_.browser().count();
}

std::uint32_t KafkaConsumer::lags(volley_partition_lag* out, std::uint32_t capacity, std::uint32_t stride) {
    std::uint32_t count = 0;
    for (const OwnedPartition& owned : partitions_) {
        if (count < capacity) {
            volley_partition_lag& one = element(out, stride, count);
            one.source = view_of(*owned.topic);
            one.partition = owned.partition;
            one.lag = owned.lag();
        }
        ++count;
    }
    return count;
}

const void* KafkaConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_PARTITIONS) return partitions_functions();
    if (id == VOLLEY_EXT_LOG) return log_functions();
    if (id == VOLLEY_EXT_INSPECT) return inspect_functions();
    if (id == VOLLEY_EXT_HISTORY) return history_functions();
    if (id == VOLLEY_EXT_IDENTITY) return identity_functions();
    if (id == VOLLEY_EXT_REMOVAL) return removal_functions();
    if (id == VOLLEY_EXT_LAG) return lag_functions();
    return nullptr;
}

}  // namespace volley::kafka
