#include "runtime/status_publisher.hpp"

#include <algorithm>

#include "log/log.hpp"
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

Readiness StatusPublisher::readiness() const {
    ReadinessFacts facts;
    facts.input = &context_.pipeline.input.name;
    facts.failure = context_.status.failure();
    facts.opened = context_.status.opened.load(std::memory_order_acquire);
    facts.opening = opening_;
    facts.draining = context_.drain_deadline.has_value();
    facts.paused = context_.status.paused.load(std::memory_order_acquire);
    facts.input_up = context_.fetcher.is_up();
    if (!facts.input_up) facts.input_cause = context_.fetcher.cause();
    facts.input_down = context_.status.down();
    facts.handler_outage = context_.workers.handler_outage();
    facts.handler_problem = context_.workers.handler_problem();
    if (const std::int64_t since = context_.workers.overdue_since(context_.now); since > 0)
        facts.overdue_since = unix_seconds(since, context_.now);
    for (const auto& output_queue : context_.pipeline.output_queues) {
        if (facts.output_down != nullptr || output_queue->up.load(std::memory_order_relaxed)) continue;
        facts.output_down = &output_queue->queue;
        facts.output_cause = output_queue->last_error.text();
    }
    if (context_.core.dead_letters_waiting() > 0) {
        facts.dead_letters_down = &context_.pipeline.dead_letters->queue;
        facts.dead_letters_cause = context_.pipeline.dead_letters->last_error.text();
    }
    facts.breaker_open = context_.core.breaker_is_open();
    facts.exhausted = context_.core.exhausted();
    if ((facts.breaker_open || facts.exhausted > 0) && !retrying_.list().empty())
        facts.next_retry = &retrying_.list().front();
    return readiness_of(facts);
}

void StatusPublisher::turn() {
    log_breaker();
    look_for_operators();
    const Readiness ready = readiness();
    watch_progress(ready);
    publish(ready);
}

// The store is asked only while it answers: a call into one that is away could take long.
void StatusPublisher::look_for_operators() {
    in_flight_.look(context_.core, context_.pipeline, context_.assignments, settling_.leases(),
                    context_.status, context_.now);
    if (retrying_.look(context_.core, context_.pipeline, context_.assignments, context_.now))
        context_.status.publish_retrying(retrying_.list());
    if (context_.fetcher.is_up() && !context_.drain_deadline && context_.status.down().empty())
        backlog_.look(context_.input, context_.status, context_.now);
}

void StatusPublisher::publish(const Readiness& readiness) {
    const delivery::Counters& c = context_.core.counters();
    ComponentSnapshot s;
    s.ready = readiness.is_ready();
    s.cause = name_of(readiness.cause);
    s.since_seconds = cause_clock_.since(readiness.cause, s.ready ? 0 : unix_ms());
    if (!s.ready) s.why_not_ready = one_line(readiness.text) + " (since " + utc_text(s.since_seconds) + ")";
    s.paused_by_operator = context_.status.paused.load(std::memory_order_acquire);
    s.paused = s.paused_by_operator || !context_.core.wants_messages();
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
    s.breaker_open = context_.core.breaker_is_open();
    s.in_flight = c.in_flight;
    s.in_flight_bytes = c.in_flight_bytes + c.held_bytes;
    s.retries = c.retries;
    std::copy(std::begin(c.failures), std::end(c.failures), s.failures.begin());
    s.workers_busy = context_.workers.busy();
    const WorkerPool::Restarts restarts = context_.workers.restarts();
    s.worker_restarts = restarts.all;
    s.workers_recycled = restarts.planned;
    context_.status.publish(std::move(s));
}

void StatusPublisher::watch_progress(const Readiness& readiness) {
    if (context_.status.paused.load(std::memory_order_acquire)) context_.stall_watch.held(context_.now);
    StallWatch::Facts facts;
    facts.outage = readiness.is_outage;
    facts.excused = readiness.is_outage || context_.workers.has_call_in_time(context_.now);
    facts.active = context_.core.is_active() || !settling_.transactor().is_empty();
    facts.may_lag = context_.is_log && context_.input.has_stats() && !feed_.is_held() &&
                    !feed_.is_limited() && !context_.status.paused.load(std::memory_order_acquire) &&
                    context_.core.is_idle() && !context_.drain_deadline;
    const delivery::Instant since = context_.stall_watch.waiting_since(facts, context_.input, context_.now);
    context_.status.waiting_since.store(context_.drain_deadline ? 0 : since.count(),
                                        std::memory_order_relaxed);
}

void StatusPublisher::log_breaker() {
    const bool open = context_.core.breaker_is_open();
    if (open == breaker_was_open_) return;
    breaker_was_open_ = open;
    if (open)
        log::error(
            "every message fails: the input is held back, and one message at a time is tried until one "
            "succeeds",
            {{"component", context_.pipeline.config.name}});
    else
        log::info("messages succeed again: the input goes on",
                  {{"component", context_.pipeline.config.name}});
}

ComponentSnapshot snapshot_of(const IntakeContext& context) {
    ComponentSnapshot s = context.status.published();
    s.name = context.pipeline.config.name;
    s.input = context.pipeline.input.name;
    s.connector = context.pipeline.connector;
    s.workers = context.pipeline.config.workers;
    s.concurrency = context.pipeline.config.concurrency;
    s.limits.workers = context.status.worker_limit.load(std::memory_order_relaxed);
    s.limits.per_second = context.status.rate_limit.load(std::memory_order_relaxed);
    s.finished = context.status.ended.load(std::memory_order_acquire);
    s.handle_seconds = context.pipeline.handle_durations.read();
    s.handle_exemplars = context.pipeline.handle_exemplars.read();
    s.ack_exemplars = context.pipeline.ack_exemplars.read();
    s.ack_seconds = std::make_shared<const LatencyCounts>(context.pipeline.ack_latency.read());
    s.last_success_seconds = context.pipeline.last_success_seconds.load(std::memory_order_relaxed);
    const auto add = [&s](const OutputQueue& output_queue) {
        s.outputs.push_back({output_queue.queue, output_queue.connector,
                             output_queue.up.load(std::memory_order_relaxed),
                             output_queue.sent.load(std::memory_order_relaxed),
                             output_queue.failed.load(std::memory_order_relaxed), output_queue.dead_letters,
                             output_queue.last_error.text()});
    };
    for (const auto& output_queue : context.pipeline.output_queues) add(*output_queue);
    if (context.pipeline.dead_letters) add(*context.pipeline.dead_letters);
    return s;
}

std::string stalled(const IntakeContext& context) {
    if (!context.status.opened.load(std::memory_order_acquire) ||
        context.status.ended.load(std::memory_order_acquire))
        return {};
    const std::int64_t limit = now().count() - context.options.stall_timeout.count();
    const std::int64_t turned = context.status.turned.load(std::memory_order_relaxed);
    if (turned > 0 && turned < limit)
        return "a call into the connector " + context.pipeline.connector + " does not return";
    const std::int64_t since = context.status.waiting_since.load(std::memory_order_relaxed);
    if (since > 0 && since < limit) return "messages wait, and nothing moves";
    return {};
}

}  // namespace volley::runtime
