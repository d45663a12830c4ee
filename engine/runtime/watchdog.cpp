// The watchdog: is there work that ought to move, and does it? Written by the intake thread every turn, read
// by the engine's, which is another, because the intake itself may be what hangs.
#include <algorithm>

#include "log/log.hpp"
#include "runtime/clock.hpp"
#include "runtime/intake.hpp"

namespace volley::runtime {

// Whether a log keeps messages from us (librdkafka #4970: its coordinator is never found again) is asked of
// the store, so not often.
void Intake::watch_progress() {
    bool known_outage = false;
    {
        const std::lock_guard lock(published_mutex_);
        known_outage = !outage().empty();
    }
    const bool handler_in_time = std::any_of(workers_.begin(), workers_.end(), [this](const auto& worker) {
        const std::int64_t since = worker->in_call_since_ms();
        return since > 0 && now_.count() - since <= pipeline_.config.handler_timeout.count();
    });
    if (known_outage || handler_in_time) last_progress_ = now_;
    const bool may_lag = core_options_.log && inspect_ != nullptr && inspect_->stats != nullptr && !paused_ &&
                         core_.is_idle() && !drain_deadline_;
    if (!may_lag || known_outage || now_ - last_received_ < options_.stall_timeout / 2) {
        lags_ = false;
    } else if (now_ >= next_lag_look_) {
        next_lag_look_ = now_ + options_.stall_timeout / 8;
        volley_stats stats{};
        stats.struct_size = sizeof stats;
        stats.ready = stats.in_flight = stats.delayed = stats.dead = stats.oldest_ms = -1;
        volley_error error{};
        error.struct_size = sizeof error;
        lags_ = inspect_->stats(consumer_.get(), &stats, &error) == VOLLEY_OK && stats.ready > 0;
        now_ = now();
    }
    const bool waits = core_.is_active() || has_transactions() || lags_;
    const delivery::Instant since = lags_ ? last_received_ : last_progress_;
    waiting_since_.store(waits && !drain_deadline_ ? std::max<std::int64_t>(since.count(), 1) : 0,
                         std::memory_order_relaxed);
    if (!waits) last_progress_ = now_;
}

void Intake::tell_of_breaker() {
    const bool open = core_.breaker_is_open();
    if (open == breaker_was_open_) return;
    breaker_was_open_ = open;
    if (open)
        log::error(
            "every message fails: the input is held back, and one message at a time is tried until one "
            "succeeds",
            {{"component", pipeline_.config.name}});
    else
        log::info("messages succeed again: the input goes on", {{"component", pipeline_.config.name}});
}

std::string Intake::stalled() const {
    if (!opened_.load(std::memory_order_acquire) || ended()) return {};
    const std::int64_t limit = now().count() - options_.stall_timeout.count();
    const std::int64_t turned = turned_.load(std::memory_order_relaxed);
    if (turned > 0 && turned < limit)
        return "a call into the connector " + pipeline_.connector + " does not return";
    const std::int64_t since = waiting_since_.load(std::memory_order_relaxed);
    if (since > 0 && since < limit) return "messages wait, and nothing moves";
    return {};
}

}  // namespace volley::runtime
