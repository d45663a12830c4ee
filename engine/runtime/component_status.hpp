// The state that a component shares with other threads: what it shows them, and what they ask of it. The
// intake thread writes the first; any thread reads it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/snapshot.hpp"
#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

class ComponentStatus {
public:
    std::atomic<bool> stop_requested{false};
    std::atomic<bool> paused{false};             // by an operator: nothing is fetched
    std::atomic<std::uint32_t> worker_limit{0};  // by an operator: so many workers get messages; 0: all
    std::atomic<std::uint32_t> rate_limit{0};    // by an operator: messages a second; 0: no limit
    std::atomic<bool> backlog_wanted{false};
    std::atomic<bool> in_flight_wanted{false};
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
    // The text of down() for a consumer that gives no reason.
    static constexpr const char* no_reason = "the input is down";
    // Returns why the consumer is down, or an empty text if it is not down.
    std::string down() const {
        const std::lock_guard lock(mutex_);
        if (!is_down_) return {};
        return health_.empty() ? no_reason : health_;
    }

    void publish(ComponentSnapshot snapshot) {
        const std::lock_guard lock(mutex_);
        published_ = std::move(snapshot);
    }
    void publish_retrying(std::vector<RetryingSnapshot> retrying) {
        const std::lock_guard lock(mutex_);
        retrying_ = std::move(retrying);
    }
    void publish_backlog(const BacklogSnapshot& backlog) {
        const std::lock_guard lock(mutex_);
        backlog_ = backlog;
    }
    void publish_in_flight(std::shared_ptr<const InFlightList> list) {
        const std::lock_guard lock(mutex_);
        in_flight_ = std::move(list);
    }
    ComponentSnapshot published() const {
        const std::lock_guard lock(mutex_);
        ComponentSnapshot all = published_;
        all.retrying = retrying_;
        all.backlog = backlog_;
        all.in_flight_list = in_flight_;
        return all;
    }

private:
    mutable std::mutex mutex_;
    ComponentSnapshot published_;  // without the next three, which change rarely
    std::vector<RetryingSnapshot> retrying_;
    BacklogSnapshot backlog_;
    std::shared_ptr<const InFlightList> in_flight_;
    bool is_down_ = false;
    std::string health_;
    std::optional<Error> failure_;
};

}  // namespace volley::runtime
