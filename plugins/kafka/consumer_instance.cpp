#include "consumer_instance.hpp"

#include <utility>

#include "partition_list.hpp"
#include "topics.hpp"

namespace volley::kafka {

ConsumerInstance::ConsumerInstance(Context context, const Callbacks& callbacks)
    : client_(std::make_unique<Client>(std::move(context))),
      properties_(read_properties(client_->context, Role::consumer)),
      callbacks_(callbacks) {
    client_->owner = callbacks.owner;
    client_->on_statistics = callbacks.on_statistics;
}

ConsumerInstance::~ConsumerInstance() {
    // An instance that never subscribed ends quickly.
    if (rk_ == nullptr) {
        if (is_abandoned_) abandon(std::move(client_));
        return;
    }
    if (queue_ != nullptr) rd_kafka_queue_destroy(queue_);
    destroy(rk_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE, std::move(client_));
}

void ConsumerInstance::open(int timeout_ms) {
    if (rk_ == nullptr) {
        Conf conf = make_conf(properties_);
        set_callbacks(conf.get(), *client_);
        rd_kafka_conf_set_rebalance_cb(conf.get(), callbacks_.on_rebalance);
        char why[512];
        rk_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), why, sizeof why);
        if (rk_ == nullptr) throw Error(ErrorCode::config, std::string("kafka: ") + why);
        static_cast<void>(conf.release());  // rk_ owns it
    }
    wait_for_broker(rk_, *client_, properties_, timeout_ms);
    if (queue_ != nullptr) return;
    rd_kafka_poll_set_consumer(rk_);
    queue_ = rd_kafka_queue_get_consumer(rk_);
}

void ConsumerInstance::subscribe() {
    const List topics = new_list(1);
    for (const std::string& topic : topics_of(context().value()))
        rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    if (const auto code = rd_kafka_subscribe(rk_, topics.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        throw Error(ErrorCode::config,
                    "kafka: cannot subscribe to \"" + context().value() + "\": " + rd_kafka_err2str(code));
    }
    is_subscribed_ = true;
}

void ConsumerInstance::interrupt() {
    if (queue_ != nullptr) rd_kafka_queue_yield(queue_);
}

void ConsumerInstance::throw_if_failed() const {
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

// librdkafka's own close does not keep to a timeout: 2.0.2 hangs if the broker is gone.
void ConsumerInstance::begin_leaving() {
    // A fenced member, or one with a fatal error, has no group to leave.
    is_leaving_ = rd_kafka_fatal_error(rk_, nullptr, 0) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (is_leaving_) rd_kafka_error_destroy(rd_kafka_consumer_close_queue(rk_, queue_));
}

bool ConsumerInstance::has_left() const { return !is_leaving_ || rd_kafka_consumer_closed(rk_) != 0; }

void ConsumerInstance::end_leaving() {
    is_subscribed_ = false;
    if (has_left()) return;
    context().warning(
        "kafka: could not leave the group before the timeout; its partitions stay unassigned until the "
        "session expires");
    rk_ = nullptr;  // destroying it now could block forever
    is_abandoned_ = true;
}

}  // namespace volley::kafka
