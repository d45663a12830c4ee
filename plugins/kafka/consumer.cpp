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
constexpr std::int64_t patience_ms = 6000;  // more than two heartbeats
constexpr std::int64_t resume_every_ms = 10;

}  // namespace

KafkaConsumer::KafkaConsumer(Context context)
    : client_(std::make_unique<Client>(std::move(context))),
      properties_(read_properties(client_->context, Role::consumer)),
      health_(client_->context, patience_ms + number_of(properties_, "fetch.wait.max.ms", 500)),
      metrics_(client_->context) {
    client_->owner = this;
    client_->on_statistics = &KafkaConsumer::on_statistics;
}

KafkaConsumer::~KafkaConsumer() {
    // close() has ended it, or given it up; an instance that was never subscribed ends quickly.
    if (rk_ == nullptr) {
        if (given_up_) abandon(std::move(client_));
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
        static_cast<void>(conf.release());  // it is the client's now
    }
    wait_for_broker(rk_, *client_, properties_, connect_timeout_ms);
    // Who only looks is not told: a topic may come with its first message.
    if (events_ != nullptr)
        health_.set_missing(
            missing_topics(rk_, client_->context.value(), connect_timeout_ms).value_or(std::string()));
    if (queue_ != nullptr) return;
    rd_kafka_poll_set_consumer(rk_);
    queue_ = rd_kafka_queue_get_consumer(rk_);
    commit_queue_ = rd_kafka_queue_new(rk_);
}

// Joins the group: not before the first message is asked for. Who only looks takes no partition from anybody.
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
    throw_if_over();
    std::uint64_t bytes = 0;
    note_turn();
    watch_logs();
    watch_topics();
    int wait = resume_or_shorten(static_cast<int>(timeout_ms));
    while (batch.count < batch.capacity && (batch.max_bytes == 0 || bytes < batch.max_bytes)) {
        rd_kafka_message_t* message = rd_kafka_consumer_poll(rk_, wait);
        if (message == nullptr) break;
        // What is no message ends the wait too: the engine looks around, and comes back.
        take(message, batch, bytes);
        wait = 0;
    }
    took_since_resumed_ = took_since_resumed_ || batch.count > 0;
    return VOLLEY_OK;
}

// Fetching that had stopped because enough was queued goes on now that messages were taken; see
// resume_fetching(). Returns how long to wait for a message: the engine comes back when it is due again.
int KafkaConsumer::resume_or_shorten(int wait) {
    if (!took_since_resumed_) return wait;
    const std::int64_t due = resumed_ms_ + resume_every_ms;
    if (asked_ms_ < due) return static_cast<int>(std::min<std::int64_t>(wait, due - asked_ms_));
    resume_fetching(rk_, properties_);
    resumed_ms_ = asked_ms_;
    took_since_resumed_ = false;
    return wait;
}

// Once a call, not once a message: the messages of one call come out of memory without waiting.
void KafkaConsumer::note_turn() {
    const std::int64_t now = now_ms();
    longest_gap_ms_ = asked_ms_ == 0 ? 0 : now - asked_ms_;
    asked_ms_ = now;
}

void KafkaConsumer::poll(std::uint32_t timeout_ms) {
    if (!subscribed_) subscribe();
    serve_commits(0);
    throw_if_over();
    note_turn();
    watch_logs();
    watch_topics();
    rd_kafka_message_t* message = rd_kafka_consumer_poll(rk_, static_cast<int>(timeout_ms));
    if (message == nullptr) return;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_error(message);
    } else if (Owned* owned = find(rd_kafka_topic_name(message->rkt), message->partition)) {
        // The partition is paused, and this one was under way: read it again when it goes on.
        rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, owned->topic->c_str(), owned->partition)->offset =
            message->offset;
        rd_kafka_error_destroy(rd_kafka_seek_partitions(rk_, list, 1000));
        rd_kafka_topic_partition_list_destroy(list);
    }
    rd_kafka_message_destroy(message);
}

void KafkaConsumer::take(rd_kafka_message_t* message, volley_batch& batch, std::uint64_t& bytes) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_error(message);
        rd_kafka_message_destroy(message);
        return;
    }
    // After a rebalance a message of an older assignment can still come out (librdkafka #1359).
    Owned* owned = find(rd_kafka_topic_name(message->rkt), message->partition);
    if (owned == nullptr || owned->starts_over || jumped_back(*owned, message->offset)) {
        rd_kafka_message_destroy(message);
        return;
    }
    if (owned->position >= 0 && message->offset > owned->position) note_gap(*owned, message->offset);
    owned->position = std::max(owned->position, message->offset + 1);
    volley_message& out = element(batch.messages, batch.message_size, batch.count);
    fill(out, message, *owned);
    owned->newest_ms = std::max(owned->newest_ms, out.timestamp_ms);
    if (is_resolution(out)) {
        pass_over(out, *owned);
        return;
    }
    owned->handed_to = owned->position;
    bytes += message->len + message->key_len;
    ++batch.count;
}

// A resolution record is no message.
void KafkaConsumer::pass_over(volley_message& out, Owned& owned) {
    give_back(out.handle);
    out = {};
    out.partition = -1;
    out.offset = -1;
    pass_to_position(owned);
}

// What stands between the last message and the position is not for the engine. Where nothing before it is
// unfinished, it is committed with what is; else the engine's next commit reaches it.
void KafkaConsumer::pass_to_position(Owned& owned) {
    if (owned.position > 0 && owned.wanted >= owned.handed_to)
        owned.wanted = std::max(owned.wanted, owned.position);
}

// Behind the last message there may be offsets that no message has: markers of transactions, messages of
// aborted ones, what compaction took away. They are no lag, and are committed as if they were done.
void KafkaConsumer::reached_end(const rd_kafka_message_t* message) {
    Owned* owned =
        message->rkt == nullptr ? nullptr : find(rd_kafka_topic_name(message->rkt), message->partition);
    if (owned == nullptr || owned->starts_over || message->offset < 0) return;
    if (message->offset < owned->position) {
        jumped_back(*owned, message->offset);
        return;
    }
    owned->position = message->offset;
    owned->last_read = message->offset - 1;
    pass_to_position(*owned);
    mark_soon(*owned);
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
    lend(message, delivery.headers, out);
    out.source = view_of(*owned.topic);
    out.epoch = owned.epoch;
}

void KafkaConsumer::note_error(const rd_kafka_message_t* message) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return reached_end(message);
    if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        topics_in_doubt_ = true;  // watch_topics() says which
        return;
    }
    const std::string what =
        (message->rkt == nullptr ? ""
                                 : "topic \"" + std::string(rd_kafka_topic_name(message->rkt)) + "\": ") +
        rd_kafka_message_errstr(message);
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        over_ = Error(ErrorCode::config,
                      "kafka: " + what +
                          ". auto.offset.reset is error: decide where reading goes on, and move the group's "
                          "offset there (kafka-consumer-groups --reset-offsets)");
        return;
    }
    if (is_unauthorized(message->err)) {
        over_ = unauthorized(message->err, what);
        return;
    }
    client_->context.warning("kafka: " + what);
}

void KafkaConsumer::throw_if_over() {
    if (over_) throw Error(*over_);
    char why[512];
    const rd_kafka_resp_err_t code = rd_kafka_fatal_error(rk_, why, sizeof why);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
        throw Error(ErrorCode::fenced,
                    std::string("kafka: another process took this group.instance.id: ") + why);
    }
    throw Error(ErrorCode::fatal, std::string("kafka: ") + why);
}

void KafkaConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        give_back(s.handle);
        s.result = VOLLEY_OK;
    }
}

void KafkaConsumer::give_back(std::uint64_t handle) {
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

// librdkafka's own close has no deadline that it keeps (2.0.2 hangs on a broker that is gone): here it is
// polled, and given up when the time is over.
void KafkaConsumer::close(std::uint32_t timeout_ms) {
    if (rk_ == nullptr || !subscribed_) return;
    const std::int64_t deadline = now_ms() + timeout_ms;
    // Who is fenced, or failed for good, has no group to leave.
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
        "kafka: the group could not be left in time; its members wait for the session to run out");
    rk_ = nullptr;  // destroying it now could block for ever
    given_up_ = true;
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
