#include "runtime/input.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <tuple>

#include "invariant.hpp"
#include "plugins/call_error.hpp"
#include "plugins/wall.hpp"
#include "runtime/call_status.hpp"
#include "volley/view.hpp"

namespace volley::runtime {

namespace {

// Each partition is a time series of the metrics, so their number is limited.
constexpr std::uint32_t most_partitions_asked = 4096;
constexpr std::ptrdiff_t most_partitions_told = 100;

std::uint32_t milliseconds(delivery::Millis time) { return static_cast<std::uint32_t>(time.count()); }

// While it exists, the consumer may announce partitions on this thread.
class Announcing {
public:
    explicit Announcing(std::atomic<std::thread::id>& thread) : thread_(thread) {
        thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    }
    ~Announcing() { thread_.store({}, std::memory_order_relaxed); }
    Announcing(const Announcing&) = delete;
    Announcing& operator=(const Announcing&) = delete;

private:
    std::atomic<std::thread::id>& thread_;
};

}  // namespace

void Input::attach(const volley_partition_events& events) {
    VOLLEY_ASSERT(state_ == State::created);
    partitions_ = static_cast<const volley_ext_partitions*>(consumer_.extension(VOLLEY_EXT_PARTITIONS));
    log_ = static_cast<const volley_ext_log*>(consumer_.extension(VOLLEY_EXT_LOG));
    inspect_ = static_cast<const volley_ext_inspect*>(consumer_.extension(VOLLEY_EXT_INSPECT));
    lag_ = static_cast<const volley_ext_lag*>(consumer_.extension(VOLLEY_EXT_LAG));
    identity_ = static_cast<const volley_ext_identity*>(consumer_.extension(VOLLEY_EXT_IDENTITY));
    if (partitions_ != nullptr) partitions_->listen(consumer_.get(), &events);
}

Result<void> Input::open() {
    VOLLEY_ASSERT(state_ == State::created);
    const Announcing announcing(announces_);
    auto opened = consumer_.open();
    if (opened) state_ = State::open;
    return opened;
}

Result<void> Input::close(delivery::Millis timeout) {
    if (state_ != State::open && state_ != State::failed) return {};
    const Announcing announcing(announces_);
    auto closed = consumer_.close(milliseconds(timeout));
    state_ = State::closed;
    return closed;
}

Result<std::int32_t> Input::consume(volley_batch& batch, delivery::Millis timeout) {
    VOLLEY_ASSERT(is_open());
    const Announcing announcing(announces_);
    return consumer_.consume(batch, milliseconds(timeout));
}

Result<void> Input::poll(delivery::Millis timeout) {
    VOLLEY_ASSERT(is_open());
    const Announcing announcing(announces_);
    return consumer_.poll(milliseconds(timeout));
}

Result<void> Input::settle(volley_settlement* settlements, std::uint32_t count) {
    VOLLEY_ASSERT(is_open());
    return consumer_.settle(settlements, count);
}

Result<void> Input::commit(const std::vector<volley_partition>& partitions, bool wait,
                           delivery::Millis timeout) {
    VOLLEY_ASSERT(is_open() && has_offsets());
    volley_error error = plugins::empty_error();
    const std::int32_t status = plugins::walled(error, [&] {
        return log_->commit(consumer_.get(), partitions.data(), static_cast<std::uint32_t>(partitions.size()),
                            sizeof(volley_partition), wait ? 1 : 0, milliseconds(timeout), &error);
    });
    if (status == VOLLEY_OK || status == VOLLEY_E_LOST) return {};
    return plugins::error_of(label() + ": offsets cannot be committed", "commit", status, error);
}

Result<void> Input::pause(const std::vector<volley_partition>& partitions, bool paused) {
    VOLLEY_ASSERT(is_open() && has_partitions());
    const auto change = paused ? partitions_->pause : partitions_->resume;
    if (change == nullptr) return {};
    volley_error error = plugins::empty_error();
    const std::int32_t status = plugins::walled(error, [&] {
        return change(consumer_.get(), partitions.data(), static_cast<std::uint32_t>(partitions.size()),
                      sizeof(volley_partition), &error);
    });
    if (status == VOLLEY_OK) return {};
    return plugins::error_of(label(), paused ? "pause" : "resume", status, error);
}

std::optional<volley_stats> Input::stats() {
    if (!is_open() || !has_stats() || failure_) return std::nullopt;
    volley_stats stats{};
    stats.struct_size = sizeof stats;
    stats.ready = stats.in_flight = stats.delayed = stats.dead = stats.oldest_ms = -1;
    volley_error error = plugins::empty_error();
    const std::int32_t status =
        plugins::walled(error, [&] { return inspect_->stats(consumer_.get(), &stats, &error); });
    if (status == VOLLEY_OK) return stats;
    Error why = plugins::error_of(label(), "stats", status, error);
    if (!is_passing(why.code) && !is_refusal(why.code)) failure_ = std::move(why);
    return std::nullopt;
}

std::shared_ptr<const PartitionLags> Input::lags() {
    if (!is_open() || lag_ == nullptr || lag_->lags == nullptr || failure_) return nullptr;
    std::vector<volley_partition_lag> room(most_partitions_asked);
    for (volley_partition_lag& one : room) one = {{}, -1, 0, -1};
    std::uint32_t count = 0;
    volley_error error = plugins::empty_error();
    const std::int32_t status = plugins::walled(error, [&] {
        return lag_->lags(consumer_.get(), room.data(), most_partitions_asked, sizeof room.front(), &count,
                          &error);
    });
    if (status != VOLLEY_OK) {
        Error why = plugins::error_of(label(), "lags", status, error);
        if (!is_passing(why.code) && !is_refusal(why.code)) failure_ = std::move(why);
        return nullptr;
    }
    room.resize(std::min(count, most_partitions_asked));
    if (room.size() > most_partitions_told) {
        const auto end = room.begin() + most_partitions_told;
        std::nth_element(room.begin(), end, room.end(),
                         [](const auto& a, const auto& b) { return a.lag > b.lag; });
        room.resize(most_partitions_told);
    }
    auto told = std::make_shared<PartitionLags>();
    told->assigned = count;
    for (const volley_partition_lag& one : room)
        told->partitions.push_back({std::string(text_of(one.source)), one.partition, one.lag});
    std::sort(told->partitions.begin(), told->partitions.end(), [](const auto& a, const auto& b) {
        return std::tie(a.source, a.partition) < std::tie(b.source, b.partition);
    });
    return told;
}

Result<std::string_view> Input::identity() {
    VOLLEY_ASSERT(is_open() && has_identity());
    volley_view text{};
    volley_error error = plugins::empty_error();
    const std::int32_t status =
        plugins::walled(error, [&] { return identity_->identity(consumer_.get(), &text, &error); });
    if (status != VOLLEY_OK) return plugins::error_of(label(), "identity", status, error);
    return text_of(text);
}

}  // namespace volley::runtime
