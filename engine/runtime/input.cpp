#include "runtime/input.hpp"

#include <string>

#include "invariant.hpp"
#include "plugins/call_error.hpp"
#include "plugins/wall.hpp"
#include "runtime/call_status.hpp"
#include "volley/view.hpp"

namespace volley::runtime {

namespace {

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
