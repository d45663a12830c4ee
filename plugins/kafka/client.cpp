#include "client.hpp"

#include <pthread.h>
#include <strings.h>

#include <chrono>
#include <csignal>
#include <future>
#include <thread>

namespace volley::kafka {

namespace {

void on_log(const rd_kafka_t* rk, int syslog_level, const char* facility, const char* text) {
    const auto* client = static_cast<const Client*>(rd_kafka_opaque(rk));
    if (client == nullptr) return;
    // The engine reports a lost connection once; librdkafka logs every attempt to every broker. CONFWARN
    // warns of producer properties in a consumer and vice versa, which is not a mistake here.
    const std::uint32_t level = std::string_view(facility) == "CONFWARN" ? VOLLEY_DEBUG
                                : syslog_level <= 3                      ? VOLLEY_DEBUG
                                : syslog_level <= 5                      ? VOLLEY_INFO
                                                                         : VOLLEY_DEBUG;
    client->log(level, std::string("librdkafka ") + facility + ": " + text);
}

void on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
    static_cast<Client*>(opaque)->last_error.set(static_cast<rd_kafka_resp_err_t>(code), reason);
}

int on_statistics(rd_kafka_t*, char* json, std::size_t size, void* opaque) {
    const auto& client = *static_cast<Client*>(opaque);
    if (client.on_statistics != nullptr && !client.is_closed())
        client.on_statistics(client.owner, std::string_view(json, size));
    return 0;  // librdkafka frees it
}

}  // namespace

bool is_unauthorized(rd_kafka_resp_err_t code) {
    switch (code) {
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR__SSL:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            return true;
        default:
            return false;
    }
}

Error unauthorized(rd_kafka_resp_err_t code, const std::string& what) {
    std::string advice;
    switch (code) {
        case RD_KAFKA_RESP_ERR__SSL:
            advice = ". Check ssl.ca.location, the broker's certificate and its host name";
            break;
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
            advice = ". Check the user, the password and sasl.mechanisms (KAFKA_KEY, KAFKA_SECRET)";
            break;
        default:
            advice = ". Check the ACLs of this user";
    }
    return Error(ErrorCode::unauthorized, "kafka: " + what + advice);
}

void LastError::set(rd_kafka_resp_err_t code, std::string text) {
    const std::lock_guard lock(mutex_);
    // "all brokers down" is less specific than the error before it.
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !text_.empty()) return;
    if (permanent_ != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (is_unauthorized(code)) permanent_ = code;
    text_ = std::move(text);
}

void LastError::throw_if_permanent() const {
    const std::lock_guard lock(mutex_);
    if (permanent_ != RD_KAFKA_RESP_ERR_NO_ERROR) throw unauthorized(permanent_, text_);
}

std::string LastError::text() const {
    const std::lock_guard lock(mutex_);
    return text_;
}

void Client::log(std::uint32_t level, const std::string& text) const {
    const std::lock_guard lock(mutex_);
    if (!is_closed_) context.log(level, text);
}

void Client::close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
}

bool Client::is_closed() const {
    const std::lock_guard lock(mutex_);
    return is_closed_;
}

void set_callbacks(rd_kafka_conf_t* conf, Client& client) {
    rd_kafka_conf_set_opaque(conf, &client);
    rd_kafka_conf_set_log_cb(conf, &on_log);
    rd_kafka_conf_set_error_cb(conf, &on_error);
    rd_kafka_conf_set_stats_cb(conf, &on_statistics);
}

void destroy(rd_kafka_t* rk, int flags, std::unique_ptr<Client> client) {
    constexpr std::chrono::seconds timeout{3};
    const std::shared_ptr<Client> shared = std::move(client);
    auto destroyed = std::make_shared<std::promise<void>>();
    const std::future<void> done = destroyed->get_future();
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([rk, flags, destroyed, shared] {
        rd_kafka_destroy_flags(rk, flags);
        destroyed->set_value();
    }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (done.wait_for(timeout) != std::future_status::ready) shared->close();
}

void abandon(std::unique_ptr<Client> client) {
    client->close();
    static_cast<void>(client.release());  // its callbacks may still be called
}

void wait_for_broker(rd_kafka_t* rk, Client& client, const Properties& properties, int timeout_ms) {
    constexpr int attempt_ms = 500;
    rd_kafka_resp_err_t result = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int spent = 0; spent < timeout_ms; spent += attempt_ms) {
        const rd_kafka_metadata_t* metadata = nullptr;
        result = rd_kafka_metadata(rk, 0, nullptr, &metadata, attempt_ms);
        if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
        if (result == RD_KAFKA_RESP_ERR_NO_ERROR) return;
        rd_kafka_poll(rk, 0);  // calls on_error
        client.last_error.throw_if_permanent();
    }
    const auto servers = properties.find("bootstrap.servers");
    const std::string last = client.last_error.text();
    throw Error(ErrorCode::retry,
                "cannot reach Kafka at " + (servers == properties.end() ? "its brokers" : servers->second) +
                    " (" + (last.empty() ? rd_kafka_err2str(result) : last) + "). Is the broker up?");
}

// Setting the credentials again is the only public call that wakes the broker threads (rdkafka_sasl.c,
// rdkafka_broker.c: after any operation a broker thread checks its partitions). This skips a SASL client
// without a user name, because it may use the empty one.
void resume_fetching(rd_kafka_t* rk, const Properties& properties) {
    if (rd_kafka_version() >= has_fetch_backoff) return;
    const auto property = [&](const char* key) {
        const auto found = properties.find(key);
        return found == properties.end() ? std::string() : found->second;
    };
    const std::string protocol = property("security.protocol");
    const bool uses_sasl = strncasecmp(protocol.c_str(), "sasl", 4) == 0;
    const std::string username = property("sasl.username");
    if (uses_sasl && username.empty()) return;
    rd_kafka_error_destroy(
        rd_kafka_sasl_set_credentials(rk, username.c_str(), property("sasl.password").c_str()));
}

}  // namespace volley::kafka
