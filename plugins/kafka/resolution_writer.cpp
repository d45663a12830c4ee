#include "resolution_writer.hpp"

#include <algorithm>

#include "clock.hpp"

namespace volley::kafka {

namespace {

constexpr std::int64_t write_timeout_ms = 15'000;
constexpr std::int64_t purge_ms = 2'000;
constexpr int poll_ms = 100;
constexpr std::uint64_t number_bits = 32;

// Contains the number of the batch, so that late reports of an earlier batch are recognized.
void* opaque_of(std::uint64_t batch, std::size_t number) {
    return reinterpret_cast<void*>(batch << number_bits | number);
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
    if (token >> number_bits != self.batch_number_) return;
    self.batch_.results[token & 0xffffffffU] = message->err;
    --self.batch_.pending;
}

rd_kafka_resp_err_t ResolutionWriter::send(const Resolution& resolution, std::size_t number) {
    const std::string key = to_text(resolution);
    // The body is for people who read the topic with other tools. It must not be null: compaction removes
    // tombstones.
    const std::string body = "{\"" + std::string(resolution_header) + "\":\"" + key + "\"}";
    rd_kafka_headers_t* headers = rd_kafka_headers_new(1);
    rd_kafka_header_add(headers, resolution_header.data(), static_cast<ssize_t>(resolution_header.size()),
                        key.data(), static_cast<ssize_t>(key.size()));
    void* const bytes = const_cast<char*>(body.data());
    void* const opaque = opaque_of(batch_number_, number);
// librdkafka's macros use C casts.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        rk_, RD_KAFKA_V_TOPIC(resolution.first.topic.c_str()),
        RD_KAFKA_V_PARTITION(resolution.first.partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(bytes, body.size()), RD_KAFKA_V_KEY(key.data(), key.size()),
        RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
#pragma GCC diagnostic pop
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);  // else the message owns them
    return code;
}

void ResolutionWriter::produce_all(const std::vector<Resolution>& resolutions, std::int64_t deadline) {
    for (std::size_t i = 0; i < resolutions.size();) {
        const rd_kafka_resp_err_t code = send(resolutions[i], i);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && now_ms() < deadline) {
            rd_kafka_flush(rk_, poll_ms);
            continue;
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            batch_.results[i] = code;
            --batch_.pending;
        }
        ++i;
    }
}

// A flush sends without waiting for linger.ms.
void ResolutionWriter::wait_for_reports(std::int64_t deadline) {
    while (batch_.pending > 0 && now_ms() < deadline) rd_kafka_flush(rk_, poll_ms);
    if (batch_.pending == 0) return;
    rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    const std::int64_t purge_deadline = now_ms() + purge_ms;
    while (batch_.pending > 0 && now_ms() < purge_deadline) rd_kafka_poll(rk_, poll_ms);
}

std::optional<Error> ResolutionWriter::error_of(const Resolution& resolution,
                                                rd_kafka_resp_err_t code) const {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
    const std::string last = client_->last_error.text();
    const std::string what = "topic \"" + resolution.first.topic + "\": " + rd_kafka_err2str(code) +
                             (last.empty() ? "" : " (" + last + ")");
    if (is_unauthorized(code)) return unauthorized(code, what);
    return Error(ErrorCode::retry, "kafka: a resolution could not be written to " + what);
}

std::vector<std::optional<Error>> ResolutionWriter::write(const std::vector<Resolution>& resolutions) {
    ++batch_number_;
    batch_.results.assign(resolutions.size(), std::nullopt);
    batch_.pending = resolutions.size();
    const std::int64_t deadline = now_ms() + write_timeout_ms;
    produce_all(resolutions, deadline);
    wait_for_reports(deadline);
    std::vector<std::optional<Error>> errors;
    errors.reserve(resolutions.size());
    for (std::size_t i = 0; i < resolutions.size(); ++i)
        errors.push_back(error_of(resolutions[i], batch_.results[i].value_or(RD_KAFKA_RESP_ERR__TIMED_OUT)));
    return errors;
}

}  // namespace volley::kafka
