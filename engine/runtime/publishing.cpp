// What other threads see of the component: its snapshot, its readiness and, for the watchdog, since when work
// has waited for progress. The engine's thread reads these, because the intake itself may hang.
#include <algorithm>

#include "log/log.hpp"
#include "runtime/intake.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

Readiness Intake::readiness() const {
    ReadinessFacts facts;
    facts.input = &pipeline_.input.name;
    facts.failure = status_.failure();
    facts.opened = is_open();
    facts.draining = drain_deadline_.has_value();
    facts.input_up = fetcher_.is_up();
    facts.input_down = status_.down();
    facts.handler_outage = workers_.handler_outage();
    facts.handler_problem = workers_.handler_problem();
    facts.handler_overdue = workers_.has_overdue_call(now_);
    for (const auto& output_queue : pipeline_.output_queues) {
        if (facts.output_down == nullptr && !output_queue->up.load(std::memory_order_relaxed))
            facts.output_down = &output_queue->queue;
    }
    if (core_.dead_letters_waiting() > 0) facts.dead_letters_down = &pipeline_.dead_letters->queue;
    facts.breaker_open = core_.breaker_is_open();
    facts.exhausted = core_.exhausted();
    return readiness_of(facts);
}

void Intake::publish() { publish(readiness()); }

void Intake::publish(const Readiness& readiness) {
    const delivery::Counters& c = core_.counters();
    ComponentSnapshot s;
    s.why_not_ready = readiness.text;
    s.ready = readiness.is_ready();
    s.paused = !core_.wants_messages();
    s.received = c.received;
    s.done = c.done;
    s.dead = c.dead;
    s.dropped = c.dropped;
    s.requeued = c.requeued;
    s.released = c.released;
    s.released_by_stop = c.released_by_stop;
    s.released_by_revocation = c.released_by_revocation;
    s.released_by_lease = c.released_by_lease;
    s.lost = c.lost;
    s.redelivered = c.redelivered;
    s.possible_duplicates = c.possible_duplicates;
    s.breaker_open = core_.breaker_is_open();
    s.in_flight = c.in_flight;
    s.in_flight_bytes = c.in_flight_bytes + c.held_bytes;
    s.retries = c.retries;
    std::copy(std::begin(c.failures), std::end(c.failures), s.failures.begin());
    s.workers_busy = workers_.busy();
    status_.publish(std::move(s));
}

void Intake::watch_progress(const Readiness& readiness) {
    StallWatch::Facts facts;
    facts.outage = readiness.is_outage;
    facts.excused = readiness.is_outage || workers_.has_call_in_time(now_);
    facts.active = core_.is_active() || !transactor_.is_empty();
    facts.may_lag =
        is_log_ && input_.has_stats() && !flow_.is_paused() && core_.is_idle() && !drain_deadline_;
    const delivery::Instant since = stall_watch_.waiting_since(facts, input_, now_);
    status_.waiting_since.store(drain_deadline_ ? 0 : since.count(), std::memory_order_relaxed);
}

void Intake::log_breaker() {
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

ComponentSnapshot Intake::snapshot() const {
    ComponentSnapshot s = status_.published();
    s.name = pipeline_.config.name;
    s.input = pipeline_.input.name;
    s.connector = pipeline_.connector;
    s.workers = pipeline_.config.workers;
    s.finished = ended();
    s.handle_seconds = pipeline_.handle_durations.read();
    s.last_success_seconds = pipeline_.last_success_seconds.load(std::memory_order_relaxed);
    const auto add = [&s](const OutputQueue& output_queue) {
        s.outputs.push_back({output_queue.queue, output_queue.connector,
                             output_queue.up.load(std::memory_order_relaxed),
                             output_queue.sent.load(std::memory_order_relaxed),
                             output_queue.failed.load(std::memory_order_relaxed)});
    };
    for (const auto& output_queue : pipeline_.output_queues) add(*output_queue);
    if (pipeline_.dead_letters) add(*pipeline_.dead_letters);
    return s;
}

std::string Intake::stalled() const {
    if (!is_open() || ended()) return {};
    const std::int64_t limit = now().count() - options_.stall_timeout.count();
    const std::int64_t turned = status_.turned.load(std::memory_order_relaxed);
    if (turned > 0 && turned < limit)
        return "a call into the connector " + pipeline_.connector + " does not return";
    const std::int64_t since = status_.waiting_since.load(std::memory_order_relaxed);
    if (since > 0 && since < limit) return "messages wait, and nothing moves";
    return {};
}

}  // namespace volley::runtime
