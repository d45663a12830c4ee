#include "consumer.hpp"

#include <algorithm>
#include <cstring>

#include "clock.hpp"
#include "message.hpp"
#include "partition_list.hpp"
#include "topics.hpp"

namespace volley::kafka {

namespace {

constexpr int connect_timeout_ms = 4000;
constexpr std::int64_t response_timeout_ms = 6000;  // more than two heartbeats
constexpr std::int64_t resume_every_ms = 10;

}  // namespace

KafkaConsumer::KafkaConsumer(Context context)
    : client_(std::make_unique<Client>(std::move(context))),
      properties_(read_properties(client_->context, Role::consumer)),
      health_(client_->context, response_timeout_ms + number_of(properties_, "fetch.wait.max.ms", 500)),
      metrics_(client_->context) {
    client_->owner = this;
    client_->on_statistics = &KafkaConsumer::on_statistics;
}

KafkaConsumer::~KafkaConsumer() {
    // close() has ended or abandoned it. An instance that never subscribed ends quickly.
    if (rk_ == nullptr) {
        if (abandoned_) abandon(std::move(client_));
        return;
    }
    if (commit_queue_ != nullptr) rd_kafka_queue_destroy(commit_queue_);
    if (queue_ != nullptr) rd_kafka_queue_destroy(queue_);
    destroy(rk_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE, std::move(client_));
}

void KafkaConsumer::open() {
    if (rk_ == nullptr) {
        Conf conf = make_conf(properties_);
        set_callbacks(conf.get(), *client_);
        rd_kafka_conf_set_rebalance_cb(conf.get(), &KafkaConsumer::on_rebalance);
        rd_kafka_conf_set_offset_commit_cb(conf.get(), &KafkaConsumer::on_commit);
        char why[512];
        rk_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), why, sizeof why);
        if (rk_ == nullptr) throw Error(ErrorCode::config, std::string("kafka: ") + why);
        static_cast<void>(conf.release());  // rk_ owns it
    }
    wait_for_broker(rk_, *client_, properties_, connect_timeout_ms);
    // Without a listener this is only an inspection, and the topic may be created by its first message.
    if (events_ != nullptr)
        health_.set_missing(
            missing_topics(rk_, client_->context.value(), connect_timeout_ms).value_or(std::string()));
    if (queue_ != nullptr) return;
    rd_kafka_poll_set_consumer(rk_);
    queue_ = rd_kafka_queue_get_consumer(rk_);
    commit_queue_ = rd_kafka_queue_new(rk_);
}

// Joins the group. This waits for the first call that asks for messages: an inspection must not take
// partitions from members.
void KafkaConsumer::subscribe() {
    const List topics = new_list(1);
    for (const std::string& topic : topics_of(client_->context.value()))
        rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    if (const auto code = rd_kafka_subscribe(rk_, topics.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        throw Error(ErrorCode::config, "kafka: cannot subscribe to \"" + client_->context.value() +
                                           "\": " + rd_kafka_err2str(code));
    }
    subscribed_ = true;
}

std::int32_t KafkaConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    if (!subscribed_) subscribe();
    serve_commits(0);
    throw_if_failed();
    std::uint64_t bytes = 0;
    record_poll();
    check_logs();
    check_topics();
    int wait = resume_if_due(static_cast<int>(timeout_ms));
    while (batch.count < batch.capacity && (batch.max_bytes == 0 || bytes < batch.max_bytes)) {
        rd_kafka_message_t* message = rd_kafka_consumer_poll(rk_, wait);
        if (message == nullptr) break;
        // An event ends the wait too, so that the engine can do its own work.
        receive(message, batch, bytes);
        wait = 0;
    }
    received_since_resume_ = received_since_resume_ || batch.count > 0;
    return VOLLEY_OK;
}

// Resumes fetching that stopped at a full queue, now that messages were taken; see resume_fetching(). Returns
// how long to wait for a message, which is no longer than until the next time it is due.
int KafkaConsumer::resume_if_due(int wait) {
    if (!received_since_resume_) return wait;
    const std::int64_t due = resumed_ms_ + resume_every_ms;
    if (polled_ms_ < due) return static_cast<int>(std::min<std::int64_t>(wait, due - polled_ms_));
    resume_fetching(rk_, properties_);
    resumed_ms_ = polled_ms_;
    received_since_resume_ = false;
    return wait;
}

// Once per call, not per message: the messages of one call come from memory without waiting.
void KafkaConsumer::record_poll() {
    const std::int64_t now = now_ms();
    poll_gap_ms_ = polled_ms_ == 0 ? 0 : now - polled_ms_;
    polled_ms_ = now;
}

void KafkaConsumer::poll(std::uint32_t timeout_ms) {
    if (!subscribed_) subscribe();
    serve_commits(0);
    throw_if_failed();
    record_poll();
    check_logs();
    check_topics();
    rd_kafka_message_t* message = rd_kafka_consumer_poll(rk_, static_cast<int>(timeout_ms));
    if (message == nullptr) return;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        handle_error(message);
    } else if (Owned* owned = find(rd_kafka_topic_name(message->rkt), message->partition)) {
        // The partition is paused, and this message was fetched before: read it again after the resume.
        rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, owned->topic->c_str(), owned->partition)->offset =
            message->offset;
        rd_kafka_error_destroy(rd_kafka_seek_partitions(rk_, list, 1000));
        rd_kafka_topic_partition_list_destroy(list);
    }
    rd_kafka_message_destroy(message);
}

void KafkaConsumer::receive(rd_kafka_message_t* message, volley_batch& batch, std::uint64_t& bytes) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        handle_error(message);
        rd_kafka_message_destroy(message);
        return;
    }
    // After a rebalance, librdkafka can still deliver a message of an earlier assignment (librdkafka #1359).
    Owned* owned = find(rd_kafka_topic_name(message->rkt), message->partition);
    if (owned == nullptr || owned->is_restarting || has_gone_back(*owned, message->offset)) {
        rd_kafka_message_destroy(message);
        return;
    }
    if (owned->position >= 0 && message->offset > owned->position) check_gap(*owned, message->offset);
    owned->position = std::max(owned->position, message->offset + 1);
    volley_message& out = element(batch.messages, batch.message_size, batch.count);
    fill(out, message, *owned);
    owned->newest_ms = std::max(owned->newest_ms, out.timestamp_ms);
    if (is_resolution(out)) {
        skip_resolution(out, *owned);
        return;
    }
    owned->delivered_to = owned->position;
    bytes += message->len + message->key_len;
    ++batch.count;
}

// Resolution records are not delivered.
void KafkaConsumer::skip_resolution(volley_message& out, Owned& owned) {
    release(out.handle);
    out = {};
    out.partition = -1;
    out.offset = -1;
    commit_to_position(owned);
}

// The engine does not see the offsets between its last message and the position. They are committed now if
// everything before them is, else with the engine's next commit.
void KafkaConsumer::commit_to_position(Owned& owned) {
    if (owned.position > 0 && owned.to_commit >= owned.delivered_to)
        owned.to_commit = std::max(owned.to_commit, owned.position);
}

// After the last message there can be offsets without a message: transaction markers, aborted transactions,
// and what compaction removed. They are committed as if they were done, so that they do not count as lag.
void KafkaConsumer::handle_eof(const rd_kafka_message_t* message) {
    Owned* owned =
        message->rkt == nullptr ? nullptr : find(rd_kafka_topic_name(message->rkt), message->partition);
    if (owned == nullptr || owned->is_restarting || message->offset < 0) return;
    if (message->offset < owned->position) {
        has_gone_back(*owned, message->offset);
        return;
    }
    owned->position = message->offset;
    owned->last_read = message->offset - 1;
    commit_to_position(*owned);
    check_log_soon(*owned);
}

void KafkaConsumer::fill(volley_message& out, rd_kafka_message_t* message, const Owned& owned) {
    std::uint64_t handle = deliveries_.size();
    if (free_.empty()) {
        deliveries_.emplace_back();
    } else {
        handle = free_.back();
        free_.pop_back();
    }
    Delivery& delivery = deliveries_[handle];
    delivery.message = message;
    out.handle = handle;
    fill_message(message, delivery.headers, out);
    out.source = view_of(*owned.topic);
    out.epoch = owned.epoch;
}

void KafkaConsumer::handle_error(const rd_kafka_message_t* message) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return handle_eof(message);
    if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        topics_uncertain_ = true;  // check_topics() finds out which
        return;
    }
    const std::string what =
        (message->rkt == nullptr ? ""
                                 : "topic \"" + std::string(rd_kafka_topic_name(message->rkt)) + "\": ") +
        rd_kafka_message_errstr(message);
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        failure_ =
            Error(ErrorCode::config, "kafka: " + what +
                                         ". auto.offset.reset is error: decide where to continue, and set "
                                         "the group's offset (kafka-consumer-groups --reset-offsets)");
        return;
    }
    if (is_unauthorized(message->err)) {
        failure_ = unauthorized(message->err, what);
        return;
    }
    client_->context.warning("kafka: " + what);
}

void KafkaConsumer::throw_if_failed() {
    if (failure_) throw Error(*failure_);
    char why[512];
    const rd_kafka_resp_err_t code = rd_kafka_fatal_error(rk_, why, sizeof why);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
        throw Error(ErrorCode::fenced,
                    std::string("kafka: another process uses this group.instance.id: ") + why);
    }
    throw Error(ErrorCode::fatal, std::string("kafka: ") + why);
}

void KafkaConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        release(s.handle);
        s.result = VOLLEY_OK;
    }
}

void KafkaConsumer::release(std::uint64_t handle) {
    Delivery& delivery = deliveries_[handle];
    if (delivery.message == nullptr) return;
    rd_kafka_message_destroy(delivery.message);
    delivery.message = nullptr;
    free_.push_back(handle);
}

void KafkaConsumer::interrupt() {
    if (queue_ != nullptr) rd_kafka_queue_yield(queue_);
}

KafkaConsumer::Owned* KafkaConsumer::find(std::string_view topic, std::int32_t partition) {
    const auto matches = [&](const Owned& o) { return o.partition == partition && *o.topic == topic; };
    if (last_owned_ < owned_.size() && matches(owned_[last_owned_])) return &owned_[last_owned_];
    const auto found = std::find_if(owned_.begin(), owned_.end(), matches);
    if (found == owned_.end()) return nullptr;
    last_owned_ = static_cast<std::size_t>(found - owned_.begin());
    return &*found;
}

// librdkafka's own close does not keep to a timeout (2.0.2 hangs if the broker is gone), so it is polled
// here, and abandoned at the deadline.
void KafkaConsumer::close(std::uint32_t timeout_ms) {
    if (rk_ == nullptr || !subscribed_) return;
    const std::int64_t deadline = now_ms() + timeout_ms;
    // A fenced member, or one with a fatal error, has no group to leave.
    const bool leaves = rd_kafka_fatal_error(rk_, nullptr, 0) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (leaves) rd_kafka_error_destroy(rd_kafka_consumer_close_queue(rk_, queue_));
    while (leaves && !rd_kafka_consumer_closed(rk_) && now_ms() < deadline) {
        if (rd_kafka_message_t* message = rd_kafka_consumer_poll(rk_, 50)) rd_kafka_message_destroy(message);
        serve_commits(0);
    }
    for (Delivery& delivery : deliveries_) {
        if (delivery.message != nullptr) rd_kafka_message_destroy(delivery.message);
        delivery.message = nullptr;
    }
    subscribed_ = false;
    if (!leaves || rd_kafka_consumer_closed(rk_)) return;
    client_->context.warning(
        "kafka: could not leave the group before the timeout; its partitions stay unassigned until the "
        "session expires");
    rk_ = nullptr;  // destroying it now could block forever
    abandoned_ = true;
}

const void* KafkaConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_PARTITIONS) return partitions_functions();
    if (id == VOLLEY_EXT_LOG) return log_functions();
    if (id == VOLLEY_EXT_INSPECT) return inspect_functions();
    if (id == VOLLEY_EXT_HISTORY) return history_functions();
    if (id == VOLLEY_EXT_IDENTITY) return identity_functions();
    if (id == VOLLEY_EXT_REMOVAL) return removal_functions();
    return nullptr;
}

Browser& KafkaConsumer::browser() {
    if (browser_ == nullptr) browser_ = std::make_unique<Browser>(client_->context, properties_);
    return *browser_;
}

}  // namespace volley::kafka
