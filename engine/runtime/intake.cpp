#include "runtime/intake.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "runtime/call_status.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis longest_wait{1000};  // the longest time between two polls of the client library
// Two batches per worker: a connector that takes less at a time can fetch the second while the first arrives.
constexpr std::uint32_t consume_batch = 1024;

}  // namespace

Intake::Intake(Pipeline& pipeline, plugins::Consumer consumer, const delivery::Options& core,
               IntakeOptions options)
    : pipeline_(pipeline),
      options_(options),
      is_log_(core.log),
      core_(core),
      input_(std::move(consumer)),
      workers_(pipeline),
      failures_(pipeline),
      assignments_(core_),
      fetcher_(pipeline, input_),
      receiver_(pipeline, core_, assignments_, core.order == delivery::Order::key),
      reports_(pipeline, core_, workers_, failures_),
      settler_(pipeline, core_, input_),
      committer_(pipeline, core_, input_, assignments_),
      transactor_(pipeline, core_, input_, failures_),
      stall_watch_(options.stall_timeout) {}

void Intake::stop() {
    status_.stop_requested.store(true, std::memory_order_release);
    pipeline_.completions.ring();
}

void Intake::pause(bool paused) {
    status_.paused.store(paused, std::memory_order_release);
    pipeline_.completions.ring();
}

void Intake::run() {
    thread_ = std::this_thread::get_id();
    now_ = now();
    if (open()) loop();
    shut_down();
    publish();
    status_.ended.store(true, std::memory_order_release);
}

void Intake::cannot_run(Error error) {
    fail(std::move(error));
    status_.ended.store(true, std::memory_order_release);
}

void Intake::fail(Error error) {
    const std::string cause = error.text;
    if (!status_.fail(std::move(error))) return;
    log::error("the component stops", {{"component", pipeline_.config.name}, {"cause", cause}});
}

// A consumer that has failed for good or is fenced settles and commits nothing more.
void Intake::input_failed(Error error) {
    if (error.code == ErrorCode::fatal || error.code == ErrorCode::fenced) input_.give_up();
    fail(std::move(error));
}

void Intake::loop() {
    stall_watch_.start(now_);
    idle_watch_.start(now_);
    for (;;) {
        turn();
        if (status_.has_failed()) {
            pipeline_.stopping.store(true);
            return core_.stop();
        }
        if (begin_drain()) continue;
        if (drain_deadline_ && core_.is_idle()) return;
        if (drain_deadline_ && now_ >= *drain_deadline_) {
            status_.out_of_time.store(true, std::memory_order_release);
            return;
        }
        wait();
    }
}

// One pass over everything that may have work now.
void Intake::turn() {
    now_ = now();
    status_.turned.store(now_.count(), std::memory_order_relaxed);
    if (misused_.load(std::memory_order_acquire)) return input_.give_up();
    take_reports();
    core_.tick(now_);
    serve_output_queues();
    if (auto run = transactor_.run(now_); !run) input_failed(run.error());
    if (transactor_.made_progress()) stall_watch_.progress(now_);
    settle();
    commit();
    keep_leases();
    hold_input();
    workers_.dispatch(core_);
    log_breaker();
    look_at_backlog();
    const Readiness ready = readiness();
    watch_progress(ready);
    publish(ready);
    if (input_.failure()) input_failed(*input_.failure());
}

// Returns whether a stop is requested that was not requested before.
bool Intake::begin_drain() {
    const bool stop = status_.stop_requested.load(std::memory_order_acquire) || core_.failed();
    if (!stop || drain_deadline_) return false;
    drain_deadline_ = now_ + options_.shutdown_timeout;
    pipeline_.stopping.store(true);
    core_.stop();
    return true;
}

// Fetches, or waits until something completes or becomes due.
void Intake::wait() {
    const delivery::Millis wait = until_next();
    const std::uint32_t capacity = room();
    if (!drain_deadline_ && capacity > 0 && fetcher_.may_fetch(now_) && !flow_.is_paused())
        return fetch(capacity, wait);
    note_idle(fetcher_.has_ended() && core_.is_idle());
    Result<void> done;
    if (transactor_.has_posted()) {
        fetcher_.wait_in(wait, [&](delivery::Millis time) { done = transactor_.take_outcomes(time); });
    } else {
        constexpr delivery::Millis moment{50};
        const bool for_a_moment = flow_.is_held_for_a_moment();
        done = fetcher_.wait_without_fetching(for_a_moment ? std::min(wait, moment) : wait, !for_a_moment);
    }
    now_ = now();
    if (!done) input_failed(done.error());
}

void Intake::fetch(std::uint32_t capacity, delivery::Millis wait) {
    const auto fetched = fetcher_.fetch(capacity, core_.byte_room(), wait, core_.is_idle());
    now_ = now();
    if (!fetched) return input_failed(fetched.error());
    if (!input_.is_open()) return fetcher_.hand_over([](const auto&) {});  // given up inside the call
    const std::uint32_t count = fetcher_.count();
    Result<void> known;
    if (count > 0) known = receiver_.ask_identity(input_);
    if (!known) input_failed(known.error());
    const std::int64_t received_ms = unix_ms();
    fetcher_.hand_over([&](const volley_message& message) {
        if (known && receiver_.receive(message, received_ms))
            leases_.saw(message.lease_ms, now_);
        else
            settler_.release(message.handle);
    });
    if (!fetcher_.is_up()) return;
    if (count > 0) stall_watch_.received(now_);
    note_idle(count == 0);
}

// Returns how many messages may be taken now. From a log: as many as fit into the window. From a store with
// leases: no more than can start soon, because other processes cannot get a message that waits here, and its
// wait may use up one of its deliveries.
std::uint32_t Intake::room() const {
    if (is_paused()) return 0;
    const std::uint32_t room = std::min(core_.room(), consume_batch);
    if (is_log_) return room;
    const std::uint64_t most = workers_.capacity();
    const std::uint64_t open = core_.counters().in_flight;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(room, open < most ? most - open : 0));
}

void Intake::note_idle(bool nothing_came) {
    if (!options_.watch_idle) return;
    if (!nothing_came || !core_.is_idle() || !assignments_.was_assigned()) {
        idle_watch_.busy(now_);
        return status_.idle.store(false, std::memory_order_release);
    }
    if (fetcher_.has_ended()) return status_.idle.store(true, std::memory_order_release);
    if (const auto idle = idle_watch_.look(input_, now_))
        status_.idle.store(*idle, std::memory_order_release);
}

void Intake::take_reports() {
    if (reports_.take(now_)) stall_watch_.progress(now_);
    if (reports_.failure()) fail(*reports_.failure());
}

void Intake::settle() {
    const auto settled = settler_.settle(now_);
    if (!settled) return input_failed(settled.error());
    if (!*settled) fetcher_.set_down(settler_.cause());
}

void Intake::commit() {
    if (auto committed = committer_.commit(now_); !committed) input_failed(committed.error());
}

// If the input cannot be paused now, the next turn tries again.
void Intake::hold_input() {
    const auto kept = flow_.keep(input_, assignments_, core_.wants_messages() && !is_paused(), now_);
    if (kept) return;
    if (!is_passing(kept.error().code)) return input_failed(kept.error());
    log::debug(kept.error().text,
               {{"component", pipeline_.config.name}, {"doing", "pausing or resuming the input"}});
}

// A handler can ask whether the lease of its message is lost. Such a message is not acked.
void Intake::keep_leases() {
    if (!input_.is_open()) return;
    const auto kept = leases_.keep(input_.consumer(), core_, now_);
    if (!kept) return input_failed(kept.error());
    const auto& lost = leases_.lost();
    if (lost.empty()) return;
    log::warning("leases were lost: these messages run again elsewhere",
                 {{"component", pipeline_.config.name}, {"count", std::to_string(lost.size())}});
    for (const delivery::Slot slot : lost) {
        pipeline_.contexts[slot].lease_lost.store(true, std::memory_order_relaxed);
        core_.lose(slot);
    }
}

// Calls the producers that report only when they are called. If outputs and acks are one transaction, the
// producers of outputs report nothing.
void Intake::serve_output_queues() {
    const auto serve_one = [this](OutputQueue& output_queue) {
        if (auto broken = serve(output_queue, drain_deadline_.has_value(), now_))
            fail(Error(broken->code, "output to \"" + output_queue.queue + "\": " + broken->text));
    };
    if (!pipeline_.transactions) {
        for (const auto& output_queue : pipeline_.output_queues) serve_one(*output_queue);
    }
    if (pipeline_.dead_letters) serve_one(*pipeline_.dead_letters);
}

delivery::Millis Intake::until_next() const {
    delivery::Instant next = now_ + longest_wait;
    next = std::min({next, core_.next_due(), leases_.next(), committer_.next(), transactor_.next()});
    if (now_ < fetcher_.next_try()) next = std::min(next, fetcher_.next_try());
    if (options_.watch_idle) next = std::min(next, now_ + delivery::Millis(50));
    if (drain_deadline_) next = std::min(next, *drain_deadline_);
    constexpr delivery::Millis serve_period{5};
    const auto owed = [](const auto& output_queue) { return needs_calls(*output_queue); };
    if ((!pipeline_.transactions &&
         std::any_of(pipeline_.output_queues.begin(), pipeline_.output_queues.end(), owed)) ||
        (pipeline_.dead_letters && owed(pipeline_.dead_letters)))
        next = std::min(next, now_ + serve_period);
    return std::max(next - now_, delivery::Millis(0));
}

}  // namespace volley::runtime
