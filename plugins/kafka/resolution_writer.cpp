#include "resolution_writer.hpp"

#include "clock.hpp"

namespace volley::kafka {

namespace {

constexpr std::int64_t patience_ms = 15'000;
constexpr int turn_ms = 100;

// What became of the one record that is under way.
struct Outcome {
    bool known = false;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
};

rd_kafka_resp_err_t send(rd_kafka_t* rk, const Resolution& resolution, Outcome& outcome) {
    const std::string key = to_text(resolution);
    // For people who read the topic with other tools. Not a tombstone: compaction forgets those.
    const std::string body = "{\"" + std::string(resolution_header) + "\":\"" + key + "\"}";
    rd_kafka_headers_t* headers = rd_kafka_headers_new(1);
    rd_kafka_header_add(headers, resolution_header.data(), static_cast<ssize_t>(resolution_header.size()),
                        key.data(), static_cast<ssize_t>(key.size()));
    void* const bytes = const_cast<char*>(body.data());
// librdkafka's macros cast as C does.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(resolution.place.topic.c_str()),
        RD_KAFKA_V_PARTITION(resolution.place.partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(bytes, body.size()), RD_KAFKA_V_KEY(key.data(), key.size()),
        RD_KAFKA_V_OPAQUE(&outcome), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
#pragma GCC diagnostic pop
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);  // else they are the message's
    return code;
}

}  // namespace

ResolutionWriter::ResolutionWriter(const Context& context) : client_(std::make_unique<Client>(context)) {
    Properties properties = read_properties(context, Role::producer);
    properties["statistics.interval.ms"] = "0";
    Conf conf = make_conf(properties);
    set_callbacks(conf.get(), *client_);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &ResolutionWriter::on_delivery);
    char why[512];
    rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why, sizeof why);
    if (rk_ == nullptr) throw Error(ErrorCode::config, std::string("kafka: ") + why);
    static_cast<void>(conf.release());
}

ResolutionWriter::~ResolutionWriter() { destroy(rk_, 0, std::move(client_)); }

void ResolutionWriter::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    auto& outcome = *static_cast<Outcome*>(message->_private);
    outcome.known = true;
    outcome.code = message->err;
}

void ResolutionWriter::write(const Resolution& resolution) {
    Outcome outcome;
    outcome.code = send(rk_, resolution, outcome);
    outcome.known = outcome.code != RD_KAFKA_RESP_ERR_NO_ERROR;
    const std::int64_t deadline = now_ms() + patience_ms;
    while (!outcome.known) {
        rd_kafka_poll(rk_, turn_ms);
        // Purging reports it, so that this ends.
        if (now_ms() > deadline) rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    }
    if (outcome.code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const std::string what = "topic \"" + resolution.place.topic + "\": " + rd_kafka_err2str(outcome.code) +
                             " " + client_->trouble.last();
    if (is_unauthorized(outcome.code)) throw unauthorized(outcome.code, what);
    throw Error(ErrorCode::retry, "kafka: a resolution could not be written to " + what);
}

}  // namespace volley::kafka
