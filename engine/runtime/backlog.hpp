// What the input's store says about its queue. The store is asked only if somebody wants to know, rarely, and
// the more rarely the longer it takes to answer. What the consumer knows of its partitions is asked once a
// second. Thread: intake.
#pragma once

#include <algorithm>

#include "runtime/component_status.hpp"
#include "runtime/input.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

class Backlog {
public:
    // Asks if that is due, and publishes the answer. Requires: the last call into the input succeeded.
    void look(Input& input, ComponentStatus& status, delivery::Instant now) {
        if (now < next_look_ || !input.is_open() || !input.has_stats()) return;
        if (!status.backlog_wanted.exchange(false, std::memory_order_relaxed) && !is_wanted_) return;
        next_look_ = now + period;
        is_wanted_ = now < next_stats_;
        if (!is_wanted_) ask(input);
        answer_.lags = input.lags();
        status.publish_backlog(answer_);
    }

private:
    static constexpr delivery::Millis period{1000};

    void ask(Input& input) {
        constexpr int share = 100;  // of the time at most one part
        const delivery::Instant before = runtime::now();
        const auto stats = input.stats();
        const delivery::Instant after = runtime::now();
        next_stats_ = after + std::max(period, share * (after - before));
        answer_ = {};
        if (!stats) return;
        answer_.asked_seconds = static_cast<double>(unix_ms()) / 1000;
        answer_.ready = stats->ready;
        answer_.in_flight = stats->in_flight;
        answer_.delayed = stats->delayed;
        answer_.dead = stats->dead;
        answer_.oldest_ms = stats->oldest_ms;
    }

    delivery::Instant next_look_{0};
    delivery::Instant next_stats_{0};
    bool is_wanted_ = false;  // stats() is not due yet
    BacklogSnapshot answer_;
};

}  // namespace volley::runtime
