#include "producer.hpp"

#include <pthread.h>

#include <csignal>

namespace volley::kafka {

namespace {

constexpr int open_timeout_ms = 4000;
constexpr std::chrono::seconds replace_interval{1};
constexpr std::int64_t response_timeout_ms = 6000;
constexpr int poll_ms = FlushSchedule::max_wait_ms;

}  // namespace

KafkaProducer::KafkaProducer(Context context, volley_report_fn report, void* report_context)
    : context_(std::move(context)),
      properties_(read_properties(context_, Role::producer)),
      health_(context_, response_timeout_ms),
      metrics_(context_),
      reports_(report, report_context, limit_of(properties_, "queue.buffering.max.messages", 100'000)),
      queue_(properties_, !sets_linger(context_), reports_) {}

KafkaProducer::~KafkaProducer() { stop_polling(); }

void KafkaProducer::stop_polling() {
    is_stopping_.store(true, std::memory_order_release);
    if (thread_.joinable()) thread_.join();
}

std::unique_ptr<ProducerInstance> KafkaProducer::make_instance() {
    return std::make_unique<ProducerInstance>(
        context_, properties_,
        ProducerInstance::Callbacks{this, &KafkaProducer::on_delivery, &KafkaProducer::on_statistics});
}

void KafkaProducer::open() {
    if (instance_ == nullptr) instance_ = make_instance();
    wait_for_broker(instance_->rk(), instance_->client(), properties_, open_timeout_ms);
    if (thread_.joinable()) return;
    if (const auto leaders = instance_->wait_for_topic(open_timeout_ms)) {
        queue_.note_partitions(leaders->size());
        apply_partitions();
        for (std::size_t i = 0; i < leaders->size(); ++i)
            queue_.set_leader(static_cast<std::int32_t>(i), (*leaders)[i]);
    }
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::int32_t KafkaProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                    std::uint32_t& accepted) {
    accepted = queue_.add(records, count, stride);
    hand_over();
    return accepted == count ? VOLLEY_OK : VOLLEY_AGAIN;
}

void KafkaProducer::hand_over() {
    const std::shared_lock lock(instance_mutex_);
    queue_.hand_over(*instance_);
}

// ---- the polling thread: every callback but librdkafka's log runs here

void KafkaProducer::run() {
    pthread_setname_np(pthread_self(), "kafka-reports");
    while (!is_stopping_.load(std::memory_order_acquire)) {
        poll();
        apply_partitions();
        hand_over();  // before the reports: the broker waits for it
        send_reports();
        replace_if_fatal();
    }
}

// Collects reports and events.
void KafkaProducer::poll() {
    rd_kafka_t* const rk = instance_->rk();
    const Pacing& pacing = queue_.pacing();
    if (!pacing.is_enabled()) {
        rd_kafka_poll(rk, poll_ms);
        return;
    }
    RecordSignal& signal = queue_.signal();
    if (!signal.has_unreported()) {
        rd_kafka_poll(rk, 0);
        const bool found = signal.wait(std::chrono::milliseconds(poll_ms));
        schedule_.reset(Clock::now());
        if (!found) return;
    }
    const FlushSchedule::Wait wait = schedule_.next(pacing.is_light(), queue_.has_backlog(), Clock::now());
    if (wait.flush)
        rd_kafka_flush(rk, wait.timeout_ms);  // polls, too
    else
        rd_kafka_poll(rk, wait.timeout_ms);
    schedule_.end(wait, !reports_.is_empty(), Clock::now());
    queue_.release_reported();
}

void KafkaProducer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* client) {
    auto& self = *static_cast<KafkaProducer*>(static_cast<Client*>(client)->owner);
    self.reports_.add(*message);
    self.update_topic_health(message->err);
    self.queue_.note_report(message->partition, message->len + message->key_len);
}

void KafkaProducer::update_topic_health(rd_kafka_resp_err_t code) {
    if (is_topic_error(code))
        health_.set_missing("topic \"" + context_.value() + "\": " + rd_kafka_err2str(code));
    else if (code == RD_KAFKA_RESP_ERR_NO_ERROR && health_.is_missing())
        health_.set_missing("");
}

void KafkaProducer::on_statistics(void* opaque, std::string_view json) {
    auto& self = *static_cast<KafkaProducer*>(opaque);
    const Statistics statistics = read_statistics(json);
    for (const PartitionStatistics& one : statistics.partitions)
        self.queue_.set_leader(one.partition, one.has_leader);
    // While the topic is unknown, the number does not change: a key must not move to another partition
    // meanwhile.
    if (!statistics.partitions.empty()) self.queue_.note_partitions(statistics.partitions.size());
    self.health_.update(statistics, statistics.queued_messages > 0,
                        self.instance_->client().last_error.text());
    self.metrics_.set("kafka_brokers_up", "Brokers with an open connection", statistics.brokers_up);
    self.metrics_.set("kafka_queued_messages", "Messages that Kafka has not confirmed yet",
                      static_cast<double>(statistics.queued_messages));
    self.metrics_.set("kafka_queued_bytes", "Bytes of the messages that Kafka has not confirmed yet",
                      static_cast<double>(statistics.queued_bytes));
}

// Thread: the one that opens, then polling.
void KafkaProducer::apply_partitions() {
    if (!queue_.has_new_partitions()) return;
    const std::unique_lock lock(instance_mutex_);  // no thread hands over
    queue_.apply_partitions();
}

void KafkaProducer::send_reports() {
    queue_.release_reported();
    reports_.send();
}

// After a fatal error an idempotent producer sends nothing more. It reports all its records as failed and is
// replaced; the engine then produces those records again. Until the replacement is due, librdkafka refuses
// every record, and the engine gets those reports.
void KafkaProducer::replace_if_fatal() {
    char why[512];
    if (rd_kafka_fatal_error(instance_->rk(), why, sizeof why) == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const Clock::time_point now = Clock::now();
    if (now < next_replacement_) return;  // the last one failed at once, too
    next_replacement_ = now + replace_interval;
    const std::unique_lock lock(instance_mutex_);
    context_.warning(std::string("kafka: the producer has a fatal error and is replaced: ") + why);
    instance_->purge();
    while (rd_kafka_outq_len(instance_->rk()) > 0 && !is_stopping_.load())
        rd_kafka_poll(instance_->rk(), poll_ms);
    send_reports();
    queue_.reject_all(RD_KAFKA_RESP_ERR__PURGE_QUEUE);  // they must not overtake the records that failed
    try {
        instance_ = make_instance();
    } catch (const Error& error) {  // e.g. a certificate file is gone; tried again after the next poll
        context_.error("kafka: cannot create a new producer: " + error.text);
    }
}

// ---- the end

std::int32_t KafkaProducer::flush(std::uint32_t timeout_ms) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    // The polling thread collects the reports, and hands over what is queued.
    while (reports_.has_outstanding()) {
        if (Clock::now() >= deadline) return VOLLEY_AGAIN;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return VOLLEY_OK;
}

// The engine frees the bodies after close, so librdkafka must not refer to any by then.
void KafkaProducer::close(std::uint32_t timeout_ms) {
    if (instance_ == nullptr) return;
    if (flush(timeout_ms) != VOLLEY_OK) purge();
    stop_polling();
    rd_kafka_poll(instance_->rk(), 0);
    send_reports();
    if (!reports_.has_outstanding()) return;
    context_.warning("kafka: librdkafka has not reported all messages that were purged");
    instance_.reset();  // not left to the destructor: until then librdkafka could send those messages
}

// Gives up every unsent record, and waits for the reports. A purge can miss the messages of a partition that
// moves to another broker meanwhile, so it is repeated.
void KafkaProducer::purge() {
    constexpr std::chrono::milliseconds timeout{2000};
    constexpr std::uint32_t interval_ms = 200;
    const auto deadline = Clock::now() + timeout;
    do {
        const std::unique_lock lock(instance_mutex_);  // no thread hands over
        instance_->purge();
        queue_.reject_all(RD_KAFKA_RESP_ERR__PURGE_QUEUE);
    } while (flush(interval_ms) != VOLLEY_OK && Clock::now() < deadline);
}

// librdkafka's own retries keep the order if the producer is idempotent, or has one request in flight at a
// time.
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
