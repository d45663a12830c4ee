// The input's consumer and what it offers of the ABI. Keeps the order of calls: nothing is called on a
// consumer that was not opened, nothing but close() on one that failed for good, nothing on a closed one.
// Thread: intake, except interrupt().
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "delivery/types.hpp"
#include "plugins/instance.hpp"

namespace volley::runtime {

class Input {
public:
    explicit Input(plugins::Consumer consumer) : consumer_(std::move(consumer)) {}
    Input(Input&& other) noexcept
        : consumer_(std::move(other.consumer_)),
          state_(other.state_),
          partitions_(other.partitions_),
          log_(other.log_),
          inspect_(other.inspect_),
          identity_(other.identity_),
          failure_(std::move(other.failure_)) {}

    // Looks up the extensions, and lets a consumer with partitions call `events` from its own calls. Before
    // open(). Borrows `events` until close().
    void attach(const volley_partition_events& events);
    // May be tried again after an error.
    Result<void> open();
    bool is_open() const { return state_ == State::open; }
    // A consumer that is done for, or whose place another process has: only close() is called any more.
    void give_up() {
        if (state_ == State::open) state_ = State::failed;
    }
    // May the consumer announce partitions now, and on this thread? Thread: any.
    bool may_announce() const {
        return announces_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }
    // Does nothing unless it was opened.
    Result<void> close(delivery::Millis timeout);

    // Requires: is_open(). Errors of all: with the connector's label.
    Result<std::int32_t> consume(volley_batch& batch, delivery::Millis timeout);
    Result<void> poll(delivery::Millis timeout);
    Result<void> settle(volley_settlement* settlements, std::uint32_t count);
    // Requires: has_offsets(). An assignment that is not ours any more is no error.
    Result<void> commit(const std::vector<volley_partition>& partitions, bool wait, delivery::Millis timeout);
    // Requires: has_partitions(). Does nothing if the consumer cannot.
    Result<void> pause(const std::vector<volley_partition>& partitions, bool paused);
    // Nothing if the store does not say, or is not open. A status after which the consumer cannot go on is
    // kept for failure().
    std::optional<volley_stats> stats();
    // Why the consumer cannot go on, although the call that said so has no errors; nothing: it can.
    const std::optional<Error>& failure() const { return failure_; }
    // Which store it is. Valid until the next call. Requires: has_identity().
    Result<std::string_view> identity();

    bool has_poll() const { return consumer_.has_poll(); }
    bool can_interrupt() const { return consumer_.can_interrupt(); }
    bool has_partitions() const { return partitions_ != nullptr; }
    bool has_offsets() const { return log_ != nullptr; }
    bool has_stats() const { return inspect_ != nullptr && inspect_->stats != nullptr; }
    bool has_identity() const { return identity_ != nullptr; }
    // Thread: any.
    void interrupt() { consumer_.interrupt(); }
    // For the lease keeper and for transactions, which are calls of a table of their own. Requires:
    // is_open().
    plugins::Consumer& consumer() { return consumer_; }
    std::string label() const { return consumer_.plugin_class().label(); }

private:
    enum class State : std::uint8_t { created, open, failed, closed };

    plugins::Consumer consumer_;
    State state_ = State::created;
    const volley_ext_partitions* partitions_ = nullptr;
    const volley_ext_log* log_ = nullptr;
    const volley_ext_inspect* inspect_ = nullptr;
    const volley_ext_identity* identity_ = nullptr;
    std::optional<Error> failure_;
    std::atomic<std::thread::id> announces_{};  // the thread inside of a call that may announce partitions
};

}  // namespace volley::runtime
