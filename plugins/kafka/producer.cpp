#include "producer.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <limits>

namespace volley::kafka {

namespace {

constexpr int meet_ms = 4000;
constexpr std::chrono::seconds replace_pause{1};
constexpr std::int64_t patience_ms = 6000;

std::int32_t status_of(rd_kafka_resp_err_t code, rd_kafka_msg_status_t persisted) {
    if (is_unauthorized(code)) return VOLLEY_E_UNAUTHORIZED;
    switch (code) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            return VOLLEY_OK;
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
            return VOLLEY_E_TOO_LARGE;
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
            return VOLLEY_E_PERMANENT;
        default:
            // The broker may have it, and only the answer was lost.
            return persisted == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED ? VOLLEY_E_UNKNOWN : VOLLEY_E_RETRY;
    }
}

// librdkafka's 0 is no limit.
std::size_t limit_of(const Properties& properties, const char* key, std::int64_t fallback) {
    const std::int64_t number = number_of(properties, key, fallback);
    return number > 0 ? static_cast<std::size_t>(number) : std::numeric_limits<std::size_t>::max();
}

// The topic cannot be written to, whatever the record is.
bool is_of_topic(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

std::uint64_t token_of(void* opaque) { return reinterpret_cast<std::uint64_t>(opaque); }

}  // namespace

KafkaProducer::KafkaProducer(Context context, volley_report_fn report, void* report_context)
    : context_(std::move(context)),
      properties_(read_properties(context_, Role::producer)),
      health_(context_, patience_ms),
      metrics_(context_),
      report_(report),
      report_context_(report_context),
      paced_(!sets_linger(context_)),
      most_open_(limit_of(properties_, "queue.buffering.max.messages", 100'000)),
      request_records_(limit_of(properties_, "batch.num.messages", 10'000)),
      request_bytes_(limit_of(properties_, "batch.size", 1'000'000)),
      queues_(properties_, request_records_, request_bytes_) {}

KafkaProducer::~KafkaProducer() {
    end_serving();
    if (topic_ != nullptr) rd_kafka_topic_destroy(topic_);
    if (rk_ == nullptr) return;
    rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    destroy(rk_, 0, std::move(client_));
}

void KafkaProducer::end_serving() {
    ending_.store(true, std::memory_order_release);
    if (thread_.joinable()) thread_.join();
}

void KafkaProducer::make_client() {
    client_ = std::make_unique<Client>(context_);
    client_->owner = this;
    client_->counted = &KafkaProducer::on_statistics;
    Conf conf = make_conf(properties_);
    set_callbacks(conf.get(), *client_);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &KafkaProducer::on_delivery);
    char why[512];
    rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why, sizeof why);
    if (rk_ == nullptr) throw Error(ErrorCode::config, std::string("kafka: ") + why);
    static_cast<void>(conf.release());
    topic_ = rd_kafka_topic_new(rk_, context_.value().c_str(), nullptr);
    if (topic_ == nullptr) throw Error(ErrorCode::config, "kafka: \"" + context_.value() + "\" is no topic");
}

void KafkaProducer::open() {
    if (rk_ == nullptr) make_client();
    meet(rk_, *client_, properties_, meet_ms);
    if (thread_.joinable()) return;
    meet_topic();
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { serve(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Warms the topic: the first message to one that is not known yet waits for it, up to a second (librdkafka
// #5032). To ask for it makes it where brokers make topics by themselves, which takes a moment.
void KafkaProducer::meet_topic() {
    const auto deadline = Clock::now() + std::chrono::milliseconds(meet_ms);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    do {
        const rd_kafka_metadata_t* metadata = nullptr;
        if (rd_kafka_metadata(rk_, 0, topic_, &metadata, meet_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
        code = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (metadata->topic_cnt == 1) {
            const rd_kafka_metadata_topic_t& topic = metadata->topics[0];
            code = topic.err;
            partitions_ = static_cast<std::size_t>(std::max(topic.partition_cnt, 0));
            fit_queues();
            for (int i = 0; i < topic.partition_cnt; ++i)
                queues_.set_leader(topic.partitions[i].id, topic.partitions[i].leader >= 0);
        }
        rd_kafka_metadata_destroy(metadata);
        if (code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) break;
        rd_kafka_poll(rk_, serve_ms);
    } while (Clock::now() < deadline);
    const std::string text = "topic \"" + context_.value() + "\": " + rd_kafka_err2str(code);
    if (is_unauthorized(code)) throw unauthorized(code, text);
    if (is_of_topic(code))
        throw Error(ErrorCode::retry, "kafka: " + text + ". Create it, or correct the queue's value");
}

// ---- reports: all of them on the serving thread

void KafkaProducer::serve() {
    pthread_setname_np(pthread_self(), "kafka-reports");
    while (!ending_.load(std::memory_order_acquire)) {
        poll_client();
        fit_queues();
        hand_over();  // first of all: the broker waits for it
        hand_over_reports();
        replace_if_fatal();
    }
}

void KafkaProducer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto& self = *static_cast<KafkaProducer*>(static_cast<Client*>(opaque)->owner);
    volley_report report{};
    report.token = token_of(message->_private);
    report.status = status_of(message->err, rd_kafka_message_status(message));
    report.partition = message->partition;
    report.offset = message->offset;
    if (report.status != VOLLEY_OK) report.text = volley_text(rd_kafka_err2str(message->err));  // static text
    self.reports_.push_back(report);
    self.judge_topic(message->err);
    if (message->partition != self.reported_partition_) self.count_reported();
    self.reported_partition_ = message->partition;
    ++self.reported_;
    self.reported_bytes_ += message->len + message->key_len;
}

void KafkaProducer::judge_topic(rd_kafka_resp_err_t code) {
    if (is_of_topic(code))
        health_.lacks("topic \"" + context_.value() + "\": " + rd_kafka_err2str(code));
    else if (code == RD_KAFKA_RESP_ERR_NO_ERROR && health_.is_lacking())
        health_.lacks("");
}

void KafkaProducer::on_statistics(void* opaque, std::string_view json) {
    auto& self = *static_cast<KafkaProducer*>(opaque);
    const Statistics statistics = read_statistics(json);
    for (const PartitionStatistics& one : statistics.partitions)
        self.queues_.set_leader(one.partition, one.has_leader);
    // Of a topic that is unknown for a while the number stays: a key must not go to another partition
    // meanwhile.
    if (!statistics.partitions.empty()) self.partitions_ = statistics.partitions.size();
    self.health_.judge(statistics, statistics.queued_messages > 0, self.client_->trouble.last());
    self.metrics_.set("kafka_brokers_up", "Brokers with an open connection", statistics.brokers_up);
    self.metrics_.set("kafka_queued_messages", "Messages that Kafka has not confirmed yet",
                      static_cast<double>(statistics.queued_messages));
    self.metrics_.set("kafka_queued_bytes", "Their bytes", static_cast<double>(statistics.queued_bytes));
}

// Partitions are chosen here if it will be heard when there are more. Thread: opening, then serving.
void KafkaProducer::fit_queues() {
    if (!paced_ || partitions_ == queues_.count() || number_of(properties_, "statistics.interval.ms", 0) <= 0)
        return;
    const std::unique_lock lock(client_mutex_);  // nobody hands over
    queues_.fit(partitions_);
}

void KafkaProducer::hand_over_reports() {
    count_reported();
    if (reports_.empty()) return;
    report_(report_context_, reports_.data(), static_cast<std::uint32_t>(reports_.size()),
            sizeof(volley_report));
    open_.fetch_sub(reports_.size());
    reports_.clear();
}

// An idempotent producer that met a fatal error sends nothing any more: everything it holds is reported as
// failed, and a new one takes its place. The engine sends those records again.
void KafkaProducer::replace_if_fatal() {
    char why[512];
    if (rd_kafka_fatal_error(rk_, why, sizeof why) == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    // Where a new one fails at once too, not as fast as it can.
    if (Clock::now() - replaced_ < replace_pause) std::this_thread::sleep_for(replace_pause);
    replaced_ = Clock::now();
    const std::unique_lock lock(client_mutex_);
    context_.warning(std::string("kafka: the producer failed for good and is replaced: ") + why);
    rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(rk_) > 0 && !ending_.load()) rd_kafka_poll(rk_, serve_ms);
    hand_over_reports();
    refuse_held(RD_KAFKA_RESP_ERR__PURGE_QUEUE);  // they must not overtake what failed before them
    rd_kafka_t* const broken = rk_;
    rd_kafka_topic_t* const its_topic = topic_;
    std::unique_ptr<Client> its_client = std::move(client_);
    try {
        make_client();
    } catch (const Error& error) {  // a certificate's file is gone, say: tried again with the next look
        context_.error("kafka: no new producer: " + error.text);
        rk_ = broken;
        topic_ = its_topic;
        client_ = std::move(its_client);
        return;
    }
    rd_kafka_topic_destroy(its_topic);
    destroy(broken, 0, std::move(its_client));
}

void KafkaProducer::refuse(const Held& record, rd_kafka_resp_err_t code) {
    // Of a partition that was not the handler's choice: the topic was made again with fewer.
    const bool is_handlers_fault = code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION && record.partition >= 0;
    volley_report report{};
    report.token = record.token;
    report.status =
        is_handlers_fault ? VOLLEY_E_PERMANENT : status_of(code, RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
    report.partition = -1;
    report.offset = -1;
    report.text = volley_text(rd_kafka_err2str(code));
    report_(report_context_, &report, 1, sizeof report);
    open_.fetch_sub(1);
}

std::int32_t KafkaProducer::flush(std::uint32_t timeout_ms) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    // The serving thread takes the reports, and hands over what is held.
    while (open_.load() > 0) {
        if (Clock::now() >= deadline) return VOLLEY_AGAIN;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return VOLLEY_OK;
}

void KafkaProducer::close(std::uint32_t timeout_ms) {
    if (rk_ == nullptr) return;
    if (flush(timeout_ms) != VOLLEY_OK) {
        {
            const std::unique_lock lock(client_mutex_);  // nobody hands over
            rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
            refuse_held(RD_KAFKA_RESP_ERR__PURGE_QUEUE);
        }
        constexpr std::uint32_t purge_ms = 2000;
        if (flush(purge_ms) != VOLLEY_OK)
            context_.warning("kafka: librdkafka keeps messages that were purged");
    }
    end_serving();
    rd_kafka_poll(rk_, 0);
    hand_over_reports();
}

// Order survives librdkafka's own retries if it is idempotent, or has one request under way at a time.
const void* KafkaProducer::extension(std::string_view id) {
    static constexpr volley_ext_abilities ordered{sizeof(volley_ext_abilities), 0, VOLLEY_ORDERED};
    constexpr std::int64_t unlimited = 1'000'000;
    const bool one_at_a_time =
        number_of(properties_, "max.in.flight.requests.per.connection", unlimited) == 1 ||
        number_of(properties_, "max.in.flight", unlimited) == 1;
    return id == VOLLEY_EXT_ABILITIES && (one_at_a_time || is_on(properties_, "enable.idempotence"))
               ? &ordered
               : nullptr;
}

}  // namespace volley::kafka
