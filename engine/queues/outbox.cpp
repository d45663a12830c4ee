#include "queues/outbox.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "log/log.hpp"
#include "queues/queue_access.hpp"
#include "volley/view.hpp"

namespace volley::queues {

namespace {

constexpr std::chrono::seconds patience{30};  // for the store to confirm

}  // namespace

// Filled from any thread. The token of a record is its place and the round of flush(), so that what comes too
// late, after a flush that gave up, is told from the next round's.
struct Outbox::Reports {
    std::mutex mutex;
    std::condition_variable came;
    std::uint64_t round = 1;
    std::size_t missing = 0;  // of this round
    std::int64_t open = 0;    // accepted and not reported, of all rounds
    std::vector<std::optional<Error>> outcome;

    std::uint64_t token(std::size_t place) const { return round << 32U | place; }

    // Their reports may have come already.
    void note_accepted(std::uint32_t count) {
        const std::lock_guard lock(mutex);
        open += count;
    }

    static void take(void* self, const volley_report* reports, std::uint32_t count, std::uint32_t stride) {
        auto& r = *static_cast<Reports*>(self);
        const std::lock_guard lock(r.mutex);
        for (std::uint32_t i = 0; i < count; ++i) {
            const volley_report& report = element(reports, stride, i);
            --r.open;
            if (report.token >> 32U != r.round) continue;
            --r.missing;
            if (report.status == VOLLEY_OK) continue;
            r.outcome[report.token & 0xffffffffU] =
                Error(static_cast<ErrorCode>(report.status), std::string(text_of(report.text)));
        }
        r.came.notify_all();
    }
};

Outbox::Outbox(std::string queue, std::unique_ptr<Reports> reports, plugins::Producer producer)
    : queue_(std::move(queue)),
      reports_(std::move(reports)),
      batch_(std::make_unique<Batch>()),
      producer_(std::move(producer)) {}
Outbox::Outbox(Outbox&&) noexcept = default;
Outbox& Outbox::operator=(Outbox&&) noexcept = default;

// What is not reported when the producer is closed, its client library may still read: that memory, and what
// late reports go into, is left behind.
Outbox::~Outbox() {
    if (!reports_) return;
    if (auto closed = producer_->close(5000); !closed) log::warning(closed.error().text);
    producer_.reset();
    const std::lock_guard lock(reports_->mutex);
    if (reports_->open <= 0) return;
    for (auto& batch : unreported_) static_cast<void>(batch.release());
    static_cast<void>(batch_.release());
    static_cast<void>(reports_.release());
}

Result<Outbox> Outbox::open(const Config& config, plugins::Catalog& catalog, const QueueConfig& queue) {
    auto found = connector_of(config, catalog, plugins::Kind::producer, queue);
    if (!found) return found.error();
    auto reports = std::make_unique<Reports>();
    auto producer = plugins::Producer::create(*found, services_for(config, queue), queue.config, queue.value,
                                              config.base_dir, &Reports::take, reports.get());
    if (!producer) return producer.error();
    if (auto opened = producer->open(); !opened) return opened.error();
    Outbox outbox(queue.value, std::move(reports), std::move(*producer));
    outbox.can_delay_ = (found->flags() & VOLLEY_CAN_DELAY) != 0;
    return outbox;
}

std::size_t Outbox::add(const Outgoing& outgoing) {
    Kept& kept = batch_->kept.emplace_back();
    kept.body = outgoing.body.value_or("");
    kept.key = outgoing.key.value_or("");
    kept.id = outgoing.id;
    bytes_ += kept.body.size() + kept.key.size();
    for (const auto& [name, value] : outgoing.headers) {
        codec::Header& header = kept.texts.emplace_back(codec::Header{std::string(name), std::nullopt});
        if (value) header.value = *value;
        bytes_ += name.size() + value.value_or("").size();
    }
    kept.headers = codec::views_of(kept.texts);
    const std::size_t place = batch_->records.size();
    volley_record record{};
    record.token = reports_->token(place);
    record.queue = view_of(queue_);
    if (outgoing.body) record.body = view_of(kept.body);
    if (outgoing.key) record.key = view_of(kept.key);
    if (!kept.id.empty()) record.id = view_of(kept.id);
    record.headers = kept.headers.data();
    record.header_count = static_cast<std::uint32_t>(kept.headers.size());
    record.partition = -1;
    record.delay_ms = outgoing.delay_ms;
    batch_->records.push_back(record);
    return place;
}

Result<void> Outbox::hand_over() {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const std::vector<volley_record>& records = batch_->records;
    for (std::size_t begin = 0; begin < records.size();) {
        std::uint32_t accepted = 0;
        auto result = producer_->produce(records.data() + begin,
                                         static_cast<std::uint32_t>(records.size() - begin), accepted);
        begin += accepted;
        reports_->note_accepted(accepted);
        if (!result) return result.error();
        if (*result != VOLLEY_AGAIN) continue;
        if (std::chrono::steady_clock::now() > deadline)
            return Error(ErrorCode::retry, "the queue has no room");
        if (producer_->has_poll()) {
            if (auto polled = producer_->poll(10); !polled) return polled.error();
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    if (producer_->has_flush()) {
        const auto most_ms = static_cast<std::uint32_t>(std::chrono::milliseconds(patience).count());
        if (auto flushed = producer_->flush(most_ms); !flushed) return flushed.error();
    }
    std::unique_lock lock(reports_->mutex);
    if (reports_->came.wait_until(lock, deadline, [&] { return reports_->missing == 0; })) return {};
    return Error(ErrorCode::retry, "the store did not confirm in time; it may have some of the messages");
}

Result<std::vector<std::optional<Error>>> Outbox::flush() {
    {
        const std::lock_guard lock(reports_->mutex);
        reports_->missing = batch_->records.size();
        reports_->outcome.assign(batch_->records.size(), std::nullopt);
    }
    auto handed_over = hand_over();
    const std::lock_guard lock(reports_->mutex);
    ++reports_->round;
    auto outcome = std::move(reports_->outcome);
    if (reports_->open > 0) {  // the client library still has some of them
        unreported_.push_back(std::move(batch_));
        batch_ = std::make_unique<Batch>();
    } else {
        batch_->records.clear();
        batch_->kept.clear();
    }
    bytes_ = 0;
    if (!handed_over) return handed_over.error();
    return outcome;
}

}  // namespace volley::queues
