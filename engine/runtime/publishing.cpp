// What other threads see of the component: its snapshot, its readiness and, for the watchdog, since when work
// has waited for progress. The engine's thread reads these, because the intake itself may hang.
#include <algorithm>

#include "log/log.hpp"
#include "runtime/intake.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

double unix_seconds(std::int64_t monotonic_ms, delivery::Instant now) {
    return static_cast<double>(unix_ms() - (now.count() - monotonic_ms)) / 1000;
}

// The text of a connector or a handler must not look like another line of /readyz.
std::string one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; },
        ' ');
    return text;
}

}  // namespace

Readiness Intake::readiness() const {
    ReadinessFacts facts;
    facts.input = &pipeline_.input.name;
    facts.failure = status_.failure();
    facts.opened = is_open();
    facts.opening = opening_;
    facts.draining = drain_deadline_.has_value();
    facts.paused = is_paused();
    facts.input_up = fetcher_.is_up();
    if (!facts.input_up) facts.input_cause = fetcher_.cause();
    facts.input_down = status_.down();
    facts.handler_outage = workers_.handler_outage();
    facts.handler_problem = workers_.handler_problem();
    if (const std::int64_t since = workers_.overdue_since(now_); since > 0)
        facts.overdue_since = unix_seconds(since, now_);
    for (const auto& output_queue : pipeline_.output_queues) {
        if (facts.output_down != nullptr || output_queue->up.load(std::memory_order_relaxed)) continue;
        facts.output_down = &output_queue->queue;
        facts.output_cause = output_queue->last_error.text();
    }
    if (core_.dead_letters_waiting() > 0) {
        facts.dead_letters_down = &pipeline_.dead_letters->queue;
        facts.dead_letters_cause = pipeline_.dead_letters->last_error.text();
    }
    facts.breaker_open = core_.breaker_is_open();
    facts.exhausted = core_.exhausted();
    if ((facts.breaker_open || facts.exhausted > 0) && !retrying_.list().empty())
        facts.next_retry = &retrying_.list().front();
    return readiness_of(facts);
}

// The store is asked only while it answers: a call into one that is away could take long.
void Intake::look_at_backlog() {
    if (retrying_.look(core_, pipeline_, assignments_, now_)) status_.publish_retrying(retrying_.list());
    if (fetcher_.is_up() && !drain_deadline_ && status_.down().empty()) backlog_.look(input_, status_, now_);
}

void Intake::publish() { publish(readiness()); }

void Intake::publish(const Readiness& readiness) {
    const delivery::Counters& c = core_.counters();
    ComponentSnapshot s;
    s.ready = readiness.is_ready();
    s.cause = name_of(readiness.cause);
    s.since_seconds = cause_clock_.since(readiness.cause, s.ready ? 0 : unix_ms());
    if (!s.ready) s.why_not_ready = one_line(readiness.text) + " (since " + utc_text(s.since_seconds) + ")";
    s.paused_by_operator = is_paused();
    s.paused = s.paused_by_operator || !core_.wants_messages();
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
    s.worker_restarts = workers_.restarts();
    status_.publish(std::move(s));
}

void Intake::watch_progress(const Readiness& readiness) {
    if (is_paused()) stall_watch_.held(now_);
    StallWatch::Facts facts;
    facts.outage = readiness.is_outage;
    facts.excused = readiness.is_outage || workers_.has_call_in_time(now_);
    facts.active = core_.is_active() || !transactor_.is_empty();
    facts.may_lag = is_log_ && input_.has_stats() && !flow_.is_paused() && !is_paused() && core_.is_idle() &&
                    !drain_deadline_;
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
    s.concurrency = pipeline_.config.concurrency;
    s.finished = ended();
    s.handle_seconds = pipeline_.handle_durations.read();
    s.last_success_seconds = pipeline_.last_success_seconds.load(std::memory_order_relaxed);
    const auto add = [&s](const OutputQueue& output_queue) {
        s.outputs.push_back({output_queue.queue, output_queue.connector,
                             output_queue.up.load(std::memory_order_relaxed),
                             output_queue.sent.load(std::memory_order_relaxed),
                             output_queue.failed.load(std::memory_order_relaxed), output_queue.dead_letters,
                             output_queue.last_error.text()});
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
