// What the input's store says about its queue. The store is asked only if somebody wants to know, rarely, and
// the more rarely the longer it takes to answer. Thread: intake.
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
        if (!status.backlog_wanted.exchange(false, std::memory_order_relaxed)) return;
        constexpr delivery::Millis period{1000};
        constexpr int share = 100;  // of the time at most one part
        const delivery::Instant before = runtime::now();
        const auto stats = input.stats();
        const delivery::Instant after = runtime::now();
        next_look_ = after + std::max(period, share * (after - before));
        BacklogSnapshot answer;
        if (stats) {
            answer = {static_cast<double>(unix_ms()) / 1000,
                      stats->ready,
                      stats->in_flight,
                      stats->delayed,
                      stats->dead,
                      stats->oldest_ms,
                      input.lags()};
        }
        status.publish_backlog(answer);
    }

private:
    delivery::Instant next_look_{0};
};

}  // namespace volley::runtime
