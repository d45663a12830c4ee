#include "runtime/intake.hpp"

#include <pthread.h>

#include <algorithm>
#include <system_error>

#include "log/log.hpp"
#include "runtime/clock.hpp"
#include "runtime/sigpipe.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis longest_wait{1000};  // the client library is polled at least this often
constexpr delivery::Millis outage_log_period{60'000};
constexpr delivery::Millis close_timeout{5'000};  // of all producers and the consumer together
constexpr delivery::Millis least_to_close{100};   // of each, when that is used up
constexpr delivery::Millis abandon_after{1'000};  // for everything, once the drain deadline has passed

std::uint32_t milliseconds_left(delivery::Instant deadline) {
    return static_cast<std::uint32_t>(std::clamp(deadline - now(), least_to_close, close_timeout).count());
}

}  // namespace

int exit_code_of(const Error& error) {
    switch (error.code) {
        case ErrorCode::config:
            return 78;
        case ErrorCode::unauthorized:
            return 77;
        case ErrorCode::fenced:
            return 79;
        case ErrorCode::retry:
        case ErrorCode::unknown:
            return 69;
        default:
            return 70;
    }
}

Intake::Intake(Pipeline& pipeline, plugins::Consumer consumer, const delivery::Options& core,
               IntakeOptions options)
    : pipeline_(pipeline),
      consumer_(std::move(consumer)),
      core_(core),
      core_options_(core),
      options_(options),
      interrupt_([this] { consumer_.interrupt(); }) {
    blank_.partition = -1;
    blank_.offset = -1;
}

void Intake::stop() {
    stop_requested_.store(true, std::memory_order_release);
    pipeline_.completions.ring();
}

void Intake::run() {
    block_sigpipe();
    pthread_setname_np(pthread_self(), "intake");
    now_ = now();
    if (open()) loop();
    shut_down();
    publish();
    ended_.store(true, std::memory_order_release);
}

void Intake::cannot_run(Error error) {
    fail(std::move(error));
    ended_.store(true, std::memory_order_release);
}

// ---- opening

// Tries until it succeeds, a stop is asked for, or the deadline: a store that is down at the start is waited
// for.
template <typename Open>
bool Intake::open_until(const char* what, const std::string& queue, delivery::Instant deadline,
                        Open&& open_it) {
    delivery::Instant last_log = delivery::Instant(0);
    for (std::uint32_t tries = 0; !stop_requested_.load(std::memory_order_acquire); ++tries) {
        const Result<void> opened = open_it();
        if (opened) return true;
        if (opened.error().code != ErrorCode::retry && opened.error().code != ErrorCode::unknown) {
            fail(opened.error());
            return false;
        }
        now_ = now();
        if (now_ >= deadline) {
            fail(Error(ErrorCode::retry,
                       "queue \"" + queue +
                           "\" could not be opened within startup_timeout: " + opened.error().text));
            return false;
        }
        if (tries == 0 || now_ - last_log >= outage_log_period) {
            last_log = now_;
            log::warning(
                what,
                {{"component", pipeline_.config.name}, {"queue", queue}, {"cause", opened.error().text}});
        }
        publish();
        pipeline_.completions.wait_for(std::min(backoff(tries + 1), deadline - now_));
    }
    return false;
}

bool Intake::open() {
    const delivery::Instant deadline = now() + options_.startup_timeout;
    const auto open_port = [&](Port& port) {
        port.open = open_until("an output cannot be opened; waiting for it", port.queue, deadline,
                               [&] { return port.producer->open(); });
        return port.open;
    };
    for (const auto& port : pipeline_.ports) {
        if (!open_port(*port)) return false;
    }
    if (pipeline_.dead_letters && !open_port(*pipeline_.dead_letters)) return false;
    listen();
    if (!open_until("the input cannot be opened; waiting for it", pipeline_.input.name, deadline,
                    [this] { return consumer_.open(); })) {
        return false;
    }
    input_ = Standing::open;
    if (!open_journal()) return false;
    find_transactions();
    if (!start_workers(deadline)) return false;
    input_up_.store(true, std::memory_order_relaxed);
    opened_.store(true, std::memory_order_release);
    publish();
    log::info("component is ready", {{"component", pipeline_.config.name},
                                     {"input", pipeline_.input.name + " (" + pipeline_.connector + ")"},
                                     {"handler", pipeline_.handler_label},
                                     {"workers", std::to_string(workers_.size())}});
    return true;
}

bool Intake::open_journal() {
    if (!pipeline_.in_process) return true;
    const std::string directory = journal_directory(pipeline_.state_dir);
    if (directory.empty()) {
        log::warning(
            "no crash journal: a message that kills the process is tried again for ever; give state_dir",
            {{"component", pipeline_.config.name}});
        return true;
    }
    const std::string name = journal_file(pipeline_.app, pipeline_.config.name, pipeline_.config_file);
    auto journal = CrashJournal::open(directory, name, pipeline_.config.workers);
    if (!journal && journal.error().code == ErrorCode::retry) {
        log::warning(
            "no crash journal: a message that kills the process is retried without end; free some space and "
            "restart",
            {{"component", pipeline_.config.name}, {"cause", journal.error().text}});
        return true;
    }
    if (!journal) {
        fail(journal.error());
        return false;
    }
    pipeline_.journal = std::move(*journal);
    if (pipeline_.journal->found() > 0) {
        log::warning(
            "messages were at work when the last process died; each of them runs alone now",
            {{"component", pipeline_.config.name}, {"count", std::to_string(pipeline_.journal->found())}});
    }
    return true;
}

bool Intake::start_workers(delivery::Instant deadline) {
    outstanding_.assign(pipeline_.config.workers, 0);
    for (std::uint32_t i = 0; i < pipeline_.config.workers; ++i) {
        auto worker = std::make_unique<Worker>(pipeline_, i);
        try {
            worker->start();
        } catch (const std::system_error& error) {
            fail(Error(ErrorCode::retry, std::string("no thread for a worker: ") + error.what()));
            return false;
        }
        workers_.push_back(std::move(worker));
    }
    while (workers_ready_ < workers_.size()) {
        pipeline_.completions.wait_for(delivery::Millis(100));
        hear();
        if (failure()) return false;
        now_ = now();
        publish();
        if (stop_requested_.load(std::memory_order_acquire)) return false;
        if (now_ >= deadline) {
            const std::string cause = handler_trouble();
            fail(Error(ErrorCode::retry, "handler " + pipeline_.handler_label +
                                             " did not open within startup_timeout" +
                                             (cause.empty() ? "" : ": " + cause)));
            return false;
        }
    }
    return true;
}

void Intake::fail(Error error) {
    if (failure()) return;
    log::error("the component stops", {{"component", pipeline_.config.name}, {"cause", error.text}});
    const std::lock_guard lock(published_mutex_);
    failure_ = std::move(error);
}

// A consumer that is done for, or whose place another process has, settles and commits nothing any more.
void Intake::input_failed(Error error) {
    if (error.code == ErrorCode::fatal || error.code == ErrorCode::fenced) input_ = Standing::over;
    fail(std::move(error));
}

std::optional<Error> Intake::failure() const {
    const std::lock_guard lock(published_mutex_);
    return failure_;
}

// ---- the loop

void Intake::loop() {
    nothing_since_ = last_progress_ = last_received_ = now_;
    for (;;) {
        now_ = now();
        turned_.store(now_.count(), std::memory_order_relaxed);
        hear();
        core_.tick(now_);
        serve_ports();
        transact();
        settle();
        commit(false, delivery::Millis(0));
        keep_leases();
        keep_flow();
        dispatch();
        tell_of_breaker();
        watch_progress();
        publish();
        if (failure()) {
            pipeline_.stopping.store(true);
            return core_.stop();
        }
        const bool stop = stop_requested_.load(std::memory_order_acquire) || core_.failed();
        if (stop && !drain_deadline_) {
            drain_deadline_ = now_ + options_.shutdown_timeout;
            pipeline_.stopping.store(true);
            core_.stop();
            continue;
        }
        if (drain_deadline_) {
            if (core_.is_idle()) return;
            if (now_ >= *drain_deadline_) {
                out_of_time_.store(true, std::memory_order_release);
                return;
            }
            rest(until_next(now_));
        } else {
            consume(until_next(now_));
        }
    }
}

// Producers that report only when they are called. Where outputs and acks are one transaction, those of
// outputs report nothing.
void Intake::serve_ports() {
    const auto serve_one = [this](Port& port) {
        if (auto broken = serve(port, drain_deadline_.has_value(), now_))
            fail(Error(broken->code, "output to \"" + port.queue + "\": " + broken->text));
    };
    if (!pipeline_.transactions) {
        for (const auto& port : pipeline_.ports) serve_one(*port);
    }
    if (pipeline_.dead_letters) serve_one(*pipeline_.dead_letters);
}

// Of what is lost the handler is told, if it asks, and nothing is acked.
void Intake::keep_leases() {
    if (input_ != Standing::open) return;
    const auto kept = leases_.keep(consumer_, core_, now_);
    if (!kept) return input_failed(kept.error());
    const auto& lost = leases_.lost();
    if (lost.empty()) return;
    log::warning("leases were lost: these messages run again elsewhere",
                 {{"component", pipeline_.config.name}, {"count", std::to_string(lost.size())}});
    for (const delivery::Slot slot : lost) {
        pipeline_.works[slot].lease_lost.store(true, std::memory_order_relaxed);
        core_.lose(slot);
    }
}

delivery::Millis Intake::until_next(delivery::Instant now) const {
    delivery::Instant next = now + longest_wait;
    next = std::min(next, core_.next_due());
    next = std::min(next, leases_.next());
    if (log_ != nullptr && core_.has_commits()) next = std::min(next, next_commit_);
    if (now < next_try_) next = std::min(next, next_try_);
    if (posted_.empty() && has_transactions()) next = std::min(next, next_transaction_);
    if (options_.watch_idle) next = std::min(next, now + delivery::Millis(50));
    if (drain_deadline_) next = std::min(next, *drain_deadline_);
    constexpr delivery::Millis serve_period{5};
    const auto owed = [](const auto& port) { return needs_calls(*port); };
    if ((!pipeline_.transactions && std::any_of(pipeline_.ports.begin(), pipeline_.ports.end(), owed)) ||
        (pipeline_.dead_letters && owed(pipeline_.dead_letters)))
        next = std::min(next, now + serve_period);
    return std::max(next - now, delivery::Millis(0));
}

// ---- the end

// What is not confirmed by now is left: producers report everything when they are closed, then the deliveries
// can be closed, then the consumer. Every step has its own time, and is taken only for what was opened.
void Intake::shut_down() {
    now_ = now();
    pipeline_.stopping.store(true);
    core_.abort();
    pipeline_.aborting.store(true);
    const delivery::Instant deadline = out_of_time_.load()
                                           ? now_ + abandon_after
                                           : now_ + std::max(options_.shutdown_timeout, abandon_after);
    join_workers(deadline);
    hear();
    // All that is closed shares one span, which ends a second after the drain deadline at the latest; what
    // comes last has a moment nevertheless.
    delivery::Instant close_by = now() + close_timeout;
    if (drain_deadline_) close_by = std::min(close_by, *drain_deadline_ + abandon_after);
    if (input_ == Standing::open) await_outcomes(close_by);
    close_ports(close_by);
    leave_transactions();
    close_input(close_by);
    stopped_by_message_.store(core_.failed(), std::memory_order_release);
    log::info("component has ended", {{"component", pipeline_.config.name},
                                      {"received", std::to_string(core_.counters().received)},
                                      {"done", std::to_string(core_.counters().done)},
                                      {"dead", std::to_string(core_.counters().dead)},
                                      {"left", std::to_string(core_.counters().abandoned)}});
}

// One that a hanging worker is calling is left alone; so is the consumer, then.
void Intake::close_ports(delivery::Instant deadline) {
    const auto close_one = [&](Port& port) {
        const bool in_use = std::any_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
            return !worker->ended() && worker->port_in_use() == &port;
        });
        if (!in_use) close(port, milliseconds_left(deadline));
    };
    for (const auto& port : pipeline_.ports) close_one(*port);
    if (pipeline_.dead_letters) close_one(*pipeline_.dead_letters);
    now_ = now();
    hear();
    if (!hung_) core_.end_reports();
}

// A worker that hangs still reads its messages: their consumer must neither be closed nor destroyed. The
// process is about to end, and the store delivers them again.
void Intake::close_input(delivery::Instant deadline) {
    if (input_ == Standing::unopened) return;
    core_.settle_now();
    settle();
    commit_last(deadline);
    if (hung_) return;
    if (auto closed = consumer_.close(milliseconds_left(deadline)); !closed) {
        log::warning(closed.error().text,
                     {{"component", pipeline_.config.name}, {"doing", "closing the consumer"}});
    }
}

void Intake::join_workers(delivery::Instant deadline) {
    // A child that does not end by itself has half of what is left of a stop: producers and the consumer are
    // closed after it.
    const delivery::Instant close_by =
        drain_deadline_ ? std::min(deadline, *drain_deadline_ + abandon_after) : deadline;
    const auto close_handler = std::clamp((close_by - now()) / 2, delivery::Millis(0), close_timeout);
    for (const auto& worker : workers_) worker->finish(close_handler);
    const auto all_ended = [this] {
        return std::all_of(workers_.begin(), workers_.end(),
                           [](const auto& worker) { return worker->ended(); });
    };
    while (!all_ended() && now() < deadline) {
        pipeline_.completions.wait_for(delivery::Millis(20));
        now_ = now();
        hear();
    }
    for (const auto& worker : workers_) {
        if (worker->ended()) {
            worker->join();
            continue;
        }
        const Port* const port = worker->port_in_use();
        log::error(port == nullptr ? "a handler hangs; its worker is left behind"
                                   : "an output hangs; the worker that calls it is left behind",
                   {{"component", pipeline_.config.name},
                    {"calls", port == nullptr ? pipeline_.handler_label : port->queue}});
        cut_off();
        hung_.store(true, std::memory_order_release);
        worker->abandon();
    }
}

// ---- what others see

void Intake::health(std::uint32_t state, std::string text) {
    const std::lock_guard lock(published_mutex_);
    health_state_ = state;
    health_text_ = std::move(text);
}

// What keeps messages from moving and is not ours to mend; empty: nothing that we know of.
std::string Intake::outage() const {
    if (!input_up_.load(std::memory_order_relaxed))
        return "the input \"" + pipeline_.input.name + "\" cannot be read";
    if (health_state_ == VOLLEY_DOWN) return health_text_;
    for (const auto& worker : workers_) {
        if (std::string why = worker->handler().outage(); !why.empty()) return why;
    }
    for (const auto& port : pipeline_.ports) {
        if (!port->up.load(std::memory_order_relaxed))
            return "the output \"" + port->queue + "\" does not take messages";
    }
    if (core_.dead_letters_waiting() > 0) {
        return "the dead-letter queue \"" + pipeline_.dead_letters->queue + "\" does not take messages";
    }
    return {};
}

// Why a worker has no handler now; empty: all have one.
std::string Intake::handler_trouble() const {
    for (const auto& worker : workers_) {
        if (worker->handler().is_in_trouble()) return worker->handler().trouble();
    }
    return {};
}

std::string Intake::why_not_ready() const {
    if (failure_) return failure_->text;
    if (!opened_.load(std::memory_order_acquire)) {
        const std::string trouble = handler_trouble();
        return trouble.empty() ? "starting" : trouble;
    }
    if (drain_deadline_) return "draining";
    if (std::string why = outage(); !why.empty()) return why;
    if (core_.breaker_is_open())
        return "every message fails; the input is held back, and one message at a time is tried";
    if (core_.exhausted() > 0) {
        return std::to_string(core_.exhausted()) +
               " messages have failed max_attempts times and are tried on";
    }
    if (std::string trouble = handler_trouble(); !trouble.empty()) return trouble;
    for (const auto& worker : workers_) {
        const std::int64_t since = worker->in_call_since_ms();
        if (since > 0 && now_.count() - since > pipeline_.config.handler_timeout.count()) {
            return "a handler has been running for longer than handler_timeout";
        }
    }
    return {};
}

void Intake::publish() {
    const std::lock_guard lock(published_mutex_);
    ComponentSnapshot& s = published_;
    const delivery::Counters& c = core_.counters();
    s.why_not_ready = why_not_ready();
    s.ready = s.why_not_ready.empty();
    s.paused = !core_.wants_messages();
    s.received = c.received;
    s.done = c.done;
    s.dead = c.dead;
    s.dropped = c.dropped;
    s.requeued = c.requeued;
    s.abandoned = c.abandoned;
    s.left_by_stop = c.left_by_stop;
    s.left_by_revocation = c.left_by_revocation;
    s.left_by_lease = c.left_by_lease;
    s.lost = c.lost;
    s.redelivered = c.redelivered;
    s.possible_duplicates = c.possible_duplicates;
    s.breaker_open = core_.breaker_is_open();
    s.in_flight = c.in_flight;
    s.in_flight_bytes = c.in_flight_bytes + c.held_bytes;
    s.retries = c.retries;
    std::copy(std::begin(c.failures), std::end(c.failures), s.failures.begin());
    s.workers_busy = static_cast<std::uint32_t>(std::count_if(
        outstanding_.begin(), outstanding_.end(), [](std::uint32_t batches) { return batches > 0; }));
}

ComponentSnapshot Intake::snapshot() const {
    ComponentSnapshot s;
    {
        const std::lock_guard lock(published_mutex_);
        s = published_;
    }
    s.name = pipeline_.config.name;
    s.input = pipeline_.input.name;
    s.connector = pipeline_.connector;
    s.workers = pipeline_.config.workers;
    s.finished = ended();
    s.handle_seconds = pipeline_.handle_durations.read();
    s.last_success_seconds = pipeline_.last_success_seconds.load(std::memory_order_relaxed);
    const auto add = [&s](const Port& port) {
        s.outputs.push_back({port.queue, port.connector, port.up.load(std::memory_order_relaxed),
                             port.sent.load(std::memory_order_relaxed),
                             port.failed.load(std::memory_order_relaxed)});
    };
    for (const auto& port : pipeline_.ports) add(*port);
    if (pipeline_.dead_letters) add(*pipeline_.dead_letters);
    return s;
}

}  // namespace volley::runtime
