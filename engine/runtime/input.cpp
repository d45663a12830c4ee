#include "runtime/input.hpp"

#include <string>

#include "invariant.hpp"
#include "plugins/wall.hpp"
#include "runtime/call_status.hpp"
#include "volley/view.hpp"

namespace volley::runtime {

namespace {

std::uint32_t milliseconds(delivery::Millis time) { return static_cast<std::uint32_t>(time.count()); }

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
    auto opened = consumer_.open();
    if (opened) state_ = State::open;
    return opened;
}

Result<void> Input::close(delivery::Millis timeout) {
    if (state_ != State::open && state_ != State::failed) return {};
    auto closed = consumer_.close(milliseconds(timeout));
    state_ = State::closed;
    return closed;
}

Result<std::int32_t> Input::consume(volley_batch& batch, delivery::Millis timeout) {
    VOLLEY_ASSERT(is_open());
    return consumer_.consume(batch, milliseconds(timeout));
}

Result<void> Input::poll(delivery::Millis timeout) {
    VOLLEY_ASSERT(is_open());
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
    return Error(code_of(status), label() + ": offsets cannot be committed: " +
                                      (error.text[0] != '\0' ? error.text : "no reason was given"));
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
    if (status < 0) return Error(code_of(status), error.text);
    return {};
}

std::optional<volley_stats> Input::stats() {
    if (!is_open() || !has_stats()) return std::nullopt;
    volley_stats stats{};
    stats.struct_size = sizeof stats;
    stats.ready = stats.in_flight = stats.delayed = stats.dead = stats.oldest_ms = -1;
    volley_error error = plugins::empty_error();
    const std::int32_t status =
        plugins::walled(error, [&] { return inspect_->stats(consumer_.get(), &stats, &error); });
    if (status != VOLLEY_OK) return std::nullopt;
    return stats;
}

Result<std::string_view> Input::identity() {
    VOLLEY_ASSERT(is_open() && has_identity());
    volley_view text{};
    volley_error error = plugins::empty_error();
    const std::int32_t status =
        plugins::walled(error, [&] { return identity_->identity(consumer_.get(), &text, &error); });
    if (status != VOLLEY_OK) return Error(code_of(status), error.text);
    return text_of(text);
}

}  // namespace volley::runtime
