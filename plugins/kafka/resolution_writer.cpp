#include "resolution_writer.hpp"

#include <algorithm>

#include "clock.hpp"

namespace volley::kafka {

namespace {

constexpr std::int64_t patience_ms = 15'000;
constexpr std::int64_t purge_ms = 2'000;
constexpr int turn_ms = 100;
constexpr std::uint64_t number_bits = 32;

// Round and number in it, so that a report that comes too late is told from those of the next round.
void* opaque_of(std::uint64_t round, std::size_t number) {
    return reinterpret_cast<void*>(round << number_bits | number);
}

}  // namespace

ResolutionWriter::ResolutionWriter(const Context& context) : client_(std::make_unique<Client>(context)) {
    Properties properties = read_properties(context, Role::producer);
    properties["statistics.interval.ms"] = "0";
    Conf conf = make_conf(properties);
    set_callbacks(conf.get(), *client_);
    client_->owner = this;
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &ResolutionWriter::on_delivery);
    char why[512];
    rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why, sizeof why);
    if (rk_ == nullptr) throw Error(ErrorCode::config, std::string("kafka: ") + why);
    static_cast<void>(conf.release());
}

ResolutionWriter::~ResolutionWriter() { destroy(rk_, 0, std::move(client_)); }

void ResolutionWriter::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto& self = *static_cast<ResolutionWriter*>(static_cast<Client*>(opaque)->owner);
    const auto token = reinterpret_cast<std::uint64_t>(message->_private);
    if (token >> number_bits != self.rounds_) return;
    self.round_.outcomes[token & 0xffffffffU] = message->err;
    --self.round_.missing;
}

rd_kafka_resp_err_t ResolutionWriter::send(const Resolution& resolution, std::size_t number) {
    const std::string key = to_text(resolution);
    // For people who read the topic with other tools. Not a tombstone: compaction forgets those.
    const std::string body = "{\"" + std::string(resolution_header) + "\":\"" + key + "\"}";
    rd_kafka_headers_t* headers = rd_kafka_headers_new(1);
    rd_kafka_header_add(headers, resolution_header.data(), static_cast<ssize_t>(resolution_header.size()),
                        key.data(), static_cast<ssize_t>(key.size()));
    void* const bytes = const_cast<char*>(body.data());
    void* const opaque = opaque_of(rounds_, number);
// librdkafka's macros cast as C does.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        rk_, RD_KAFKA_V_TOPIC(resolution.place.topic.c_str()),
        RD_KAFKA_V_PARTITION(resolution.place.partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(bytes, body.size()), RD_KAFKA_V_KEY(key.data(), key.size()),
        RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
#pragma GCC diagnostic pop
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);  // else they are the message's
    return code;
}

void ResolutionWriter::hand_over(const std::vector<Resolution>& resolutions, std::int64_t deadline) {
    for (std::size_t i = 0; i < resolutions.size();) {
        const rd_kafka_resp_err_t code = send(resolutions[i], i);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && now_ms() < deadline) {
            rd_kafka_flush(rk_, turn_ms);
            continue;
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            round_.outcomes[i] = code;
            --round_.missing;
        }
        ++i;
    }
}

// A flush sends at once what would wait for linger.ms.
void ResolutionWriter::await(std::int64_t deadline) {
    while (round_.missing > 0 && now_ms() < deadline) rd_kafka_flush(rk_, turn_ms);
    if (round_.missing == 0) return;
    rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    const std::int64_t purged_by = now_ms() + purge_ms;
    while (round_.missing > 0 && now_ms() < purged_by) rd_kafka_poll(rk_, turn_ms);
}

std::optional<Error> ResolutionWriter::error_of(const Resolution& resolution,
                                                rd_kafka_resp_err_t code) const {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
    const std::string last = client_->last_error.text();
    const std::string what = "topic \"" + resolution.place.topic + "\": " + rd_kafka_err2str(code) +
                             (last.empty() ? "" : " (" + last + ")");
    if (is_unauthorized(code)) return unauthorized(code, what);
    return Error(ErrorCode::retry, "kafka: a resolution could not be written to " + what);
}

std::vector<std::optional<Error>> ResolutionWriter::write(const std::vector<Resolution>& resolutions) {
    ++rounds_;
    round_.outcomes.assign(resolutions.size(), std::nullopt);
    round_.missing = resolutions.size();
    const std::int64_t deadline = now_ms() + patience_ms;
    hand_over(resolutions, deadline);
    await(deadline);
    std::vector<std::optional<Error>> errors;
    errors.reserve(resolutions.size());
    for (std::size_t i = 0; i < resolutions.size(); ++i)
        errors.push_back(error_of(resolutions[i], round_.outcomes[i].value_or(RD_KAFKA_RESP_ERR__TIMED_OUT)));
    return errors;
}

}  // namespace volley::kafka
