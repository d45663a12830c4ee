// The state that a component shares with other threads: what it shows them, and what they ask of it. The
// intake thread writes the first; any thread reads it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "runtime/snapshot.hpp"
#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

class ComponentStatus {
public:
    std::atomic<bool> stop_requested{false};
    std::atomic<bool> opened{false};  // the connectors, and one handler per worker, are open
    std::atomic<bool> ended{false};
    std::atomic<bool> idle{false};  // nothing is in flight, and the store has no message for this consumer
    std::atomic<bool> hung{false};  // a worker could not be joined
    std::atomic<bool> out_of_time{false};  // it stopped draining at the deadline, or its last commit failed
    std::atomic<bool> stopped_by_message{false};
    std::atomic<std::int64_t> turned{0};  // when the loop last began a turn, in ms of the monotonic clock
    std::atomic<std::int64_t> waiting_since{0};  // since when work waits for progress; 0: none waits

    // Stores the error if it is the first. Returns whether it is.
    bool fail(Error error) {
        const std::lock_guard lock(mutex_);
        if (failure_) return false;
        failure_ = std::move(error);
        return true;
    }
    bool has_failed() const { return failure().has_value(); }
    std::optional<Error> failure() const {
        const std::lock_guard lock(mutex_);
        return failure_;
    }

    // Stores the health that the consumer reports about itself. Thread: any.
    void set_health(std::uint32_t state, std::string text) {
        const std::lock_guard lock(mutex_);
        is_down_ = state == VOLLEY_DOWN;
        health_ = std::move(text);
    }
    // Returns why the consumer is down, or an empty text if it is not down. If the consumer gives no reason,
    // the text is a general one.
    std::string down() const {
        const std::lock_guard lock(mutex_);
        if (!is_down_) return {};
        return health_.empty() ? "the input is down" : health_;
    }

    void publish(ComponentSnapshot snapshot) {
        const std::lock_guard lock(mutex_);
        published_ = std::move(snapshot);
    }
    ComponentSnapshot published() const {
        const std::lock_guard lock(mutex_);
        return published_;
    }

private:
    mutable std::mutex mutex_;
    ComponentSnapshot published_;
    bool is_down_ = false;
    std::string health_;
    std::optional<Error> failure_;
};

}  // namespace volley::runtime
