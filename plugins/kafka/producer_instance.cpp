#include "producer_instance.hpp"

#include <algorithm>

#include "clock.hpp"

namespace volley::kafka {

ProducerInstance::ProducerInstance(const Context& context, const Properties& properties,
                                   const Callbacks& callbacks)
    : client_(std::make_unique<Client>(context)) {
    client_->owner = callbacks.owner;
    client_->on_statistics = callbacks.on_statistics;
    Conf conf = make_conf(properties);
    set_callbacks(conf.get(), *client_);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), callbacks.delivered);
    char why[512];
    rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why, sizeof why);
    if (rk_ == nullptr) throw Error(ErrorCode::config, std::string("kafka: ") + why);
    static_cast<void>(conf.release());  // rk_ owns it
    topic_ = rd_kafka_topic_new(rk_, context.value().c_str(), nullptr);
    if (topic_ != nullptr) return;
    destroy(rk_, 0, std::move(client_));
    throw Error(ErrorCode::config, "kafka: \"" + context.value() + "\" is not a valid topic");
}

ProducerInstance::~ProducerInstance() {
    rd_kafka_topic_destroy(topic_);
    purge();
    destroy(rk_, 0, std::move(client_));
}

void ProducerInstance::purge() { rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT); }

// Without this, the first message to a topic whose metadata is not known yet waits up to a second (librdkafka
// #5032). The request also creates the topic where brokers create topics automatically, which takes a moment.
std::optional<std::vector<bool>> ProducerInstance::wait_for_topic(int timeout_ms) {
    constexpr int retry_ms = 100;
    const std::int64_t deadline = now_ms() + timeout_ms;
    std::vector<bool> leaders;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    do {
        const rd_kafka_metadata_t* metadata = nullptr;
        if (rd_kafka_metadata(rk_, 0, topic_, &metadata, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return std::nullopt;
        code = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (metadata->topic_cnt == 1) {
            const rd_kafka_metadata_topic_t& topic = metadata->topics[0];
            code = topic.err;
            leaders.assign(static_cast<std::size_t>(std::max(topic.partition_cnt, 0)), true);
            for (int i = 0; i < topic.partition_cnt; ++i) {
                const rd_kafka_metadata_partition_t& partition = topic.partitions[i];
                if (partition.id >= 0 && static_cast<std::size_t>(partition.id) < leaders.size())
                    leaders[static_cast<std::size_t>(partition.id)] = partition.leader >= 0;
            }
        }
        rd_kafka_metadata_destroy(metadata);
        if (code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) break;
        rd_kafka_poll(rk_, retry_ms);
    } while (now_ms() < deadline);
    const std::string text = "topic \"" + client_->context.value() + "\": " + rd_kafka_err2str(code);
    if (is_unauthorized(code)) throw unauthorized(code, text);
    if (is_topic_error(code))
        throw Error(ErrorCode::retry, "kafka: " + text + ". Create it, or correct the queue's value");
    return leaders;
}

}  // namespace volley::kafka
