// The input's consumer and its extensions of the ABI. Enforces the order of calls: no calls before open(),
// only close() after a permanent failure, and no calls after close(). Thread: intake, except interrupt().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "delivery/types.hpp"
#include "plugins/instance.hpp"
#include "runtime/snapshot.hpp"

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
          lag_(other.lag_),
          identity_(other.identity_),
          failure_(std::move(other.failure_)) {}

    // Looks up the extensions. A consumer with partitions may then call `events` from within its own calls.
    // Call it before open(). Borrows `events` until close().
    void attach(const volley_partition_events& events);
    // Can be repeated after an error.
    Result<void> open();
    bool is_open() const { return state_ == State::open; }
    // The consumer has failed for good or is fenced: from now on only close() is called.
    void give_up() {
        if (state_ == State::open) state_ = State::failed;
    }
    // Returns whether the consumer may announce partitions now, on the calling thread. Thread: any.
    bool may_announce() const {
        return announces_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }
    // Does nothing if the consumer was not opened.
    Result<void> close(delivery::Millis timeout);

    // These calls require is_open(). The text of each error begins with the connector's label.
    Result<std::int32_t> consume(volley_batch& batch, delivery::Millis timeout);
    Result<void> poll(delivery::Millis timeout);
    Result<void> settle(volley_settlement* settlements, std::uint32_t count);
    // Requires: has_offsets(). A partition that is not assigned any more is not an error.
    Result<void> commit(const std::vector<volley_partition>& partitions, bool wait, delivery::Millis timeout);
    // Requires: has_partitions(). Does nothing if the consumer cannot pause.
    Result<void> pause(const std::vector<volley_partition>& partitions, bool paused);
    // Returns nothing if the store does not report statistics or is not open. If the status means that the
    // consumer cannot go on, failure() returns it afterwards.
    std::optional<volley_stats> stats();
    // Returns the lag of the assigned partitions as far as the consumer knows it, of those with the greatest
    // lag if there are many. Does not wait for the store. Null if the store does not report it or is not
    // open.
    std::shared_ptr<const PartitionLags> lags();
    // Returns why the consumer cannot go on, if a call that returns no error found that out; else nothing.
    const std::optional<Error>& failure() const { return failure_; }
    // Returns the store's identity. Valid until the next call. Requires: has_identity().
    Result<std::string_view> identity();

    bool has_poll() const { return consumer_.has_poll(); }
    bool can_interrupt() const { return consumer_.can_interrupt(); }
    bool has_partitions() const { return partitions_ != nullptr; }
    bool has_offsets() const { return log_ != nullptr; }
    bool has_stats() const { return inspect_ != nullptr && inspect_->stats != nullptr; }
    bool has_identity() const { return identity_ != nullptr; }
    // Thread: any.
    void interrupt() { consumer_.interrupt(); }
    // For the lease keeper and the transactor, which call tables of their own. Requires: is_open().
    plugins::Consumer& consumer() { return consumer_; }
    std::string label() const { return consumer_.plugin_class().label(); }

private:
    enum class State : std::uint8_t { created, open, failed, closed };

    plugins::Consumer consumer_;
    State state_ = State::created;
    const volley_ext_partitions* partitions_ = nullptr;
    const volley_ext_log* log_ = nullptr;
    const volley_ext_inspect* inspect_ = nullptr;
    const volley_ext_lag* lag_ = nullptr;
    const volley_ext_identity* identity_ = nullptr;
    std::optional<Error> failure_;
    std::atomic<std::thread::id> announces_{};  // the thread inside a call that may announce partitions
};

}  // namespace volley::runtime
