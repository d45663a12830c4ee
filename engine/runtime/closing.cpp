// After the loop: what is not confirmed by now is released. Producers report everything when they are closed,
// then the deliveries can be closed, then the consumer. Every step has its own time, and is taken only for
// what was opened.
#include <algorithm>

#include "log/log.hpp"
#include "runtime/intake.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis close_timeout{5'000};  // of all producers and the consumer together
constexpr delivery::Millis least_to_close{100};   // of each, when that is used up
constexpr delivery::Millis least_to_commit{100};
constexpr delivery::Millis abandon_after{1'000};  // for everything, once the drain deadline has passed

delivery::Millis time_left(delivery::Instant deadline) {
    return std::clamp(deadline - now(), least_to_close, close_timeout);
}

}  // namespace

void Intake::shut_down() {
    now_ = now();
    pipeline_.stopping.store(true);
    core_.abort();
    pipeline_.aborting.store(true);
    const delivery::Instant deadline =
        out_of_time() ? now_ + abandon_after : now_ + std::max(options_.shutdown_timeout, abandon_after);
    join_workers(deadline);
    take_reports();
    // All that is closed shares one span, which ends a second after the drain deadline at the latest; what
    // comes last has a moment nevertheless.
    delivery::Instant close_by = now() + close_timeout;
    if (drain_deadline_) close_by = std::min(close_by, *drain_deadline_ + abandon_after);
    if (input_.is_open()) transactor_.await_outcomes(close_by);
    close_output_queues(close_by);
    transactor_.release_all();
    close_input(close_by);
    status_.stopped_by_message.store(core_.failed(), std::memory_order_release);
    log::info("component has ended", {{"component", pipeline_.config.name},
                                      {"received", std::to_string(core_.counters().received)},
                                      {"done", std::to_string(core_.counters().done)},
                                      {"dead", std::to_string(core_.counters().dead)},
                                      {"released", std::to_string(core_.counters().released)}});
}

void Intake::join_workers(delivery::Instant deadline) {
    // A child that does not end by itself has half of what is left of a stop: producers and the consumer are
    // closed after it.
    const delivery::Instant close_by =
        drain_deadline_ ? std::min(deadline, *drain_deadline_ + abandon_after) : deadline;
    workers_.finish(std::clamp((close_by - now()) / 2, delivery::Millis(0), close_timeout));
    while (!workers_.ended() && now() < deadline) {
        pipeline_.completions.wait_for(delivery::Millis(20));
        now_ = now();
        take_reports();
    }
    for (const std::string& call : workers_.join_or_abandon()) {
        log::error("a call hangs; the worker that made it is left behind",
                   {{"component", pipeline_.config.name}, {"call", call}});
        cut_off();
        status_.hung.store(true, std::memory_order_release);
    }
}

// One that a hanging worker is calling is left alone; so is the consumer, then.
void Intake::close_output_queues(delivery::Instant deadline) {
    const auto close_one = [&](OutputQueue& output_queue) {
        if (!workers_.is_calling(output_queue))
            close(output_queue, static_cast<std::uint32_t>(time_left(deadline).count()));
    };
    for (const auto& output_queue : pipeline_.output_queues) close_one(*output_queue);
    if (pipeline_.dead_letters) close_one(*pipeline_.dead_letters);
    now_ = now();
    take_reports();
    if (!hung()) core_.end_reports();
}

// A worker that hangs still reads its messages: their consumer must neither be closed nor destroyed. The
// process is about to end, and the store delivers them again.
void Intake::close_input(delivery::Instant deadline) {
    settle_last(deadline);
    commit_last(deadline);
    if (hung()) return;
    if (auto closed = input_.close(time_left(deadline)); !closed) {
        log::warning(closed.error().text,
                     {{"component", pipeline_.config.name}, {"doing", "closing the consumer"}});
    }
}

// What is done and not acked at the end is done again.
void Intake::settle_last(delivery::Instant deadline) {
    for (std::uint32_t tries = 1; input_.is_open(); ++tries) {
        core_.settle_now();
        settle();
        if ((core_.is_idle() && !settler_.has_releases()) || status_.has_failed() || hung()) return;
        if (now() >= deadline) break;
        pipeline_.completions.wait_for(
            std::min(backoff_.after(tries), std::max(deadline - now(), delivery::Millis(1))));
        now_ = now();
    }
    if (core_.is_idle() || !input_.is_open()) return;
    log::error("the last messages could not be settled: they are delivered again after a restart",
               {{"component", pipeline_.config.name}, {"queue", pipeline_.input.name}});
    status_.out_of_time.store(true, std::memory_order_release);
}

// What is not committed at the end is done again, so a stop without it is not clean.
void Intake::commit_last(delivery::Instant deadline) {
    for (std::uint32_t tries = 1; input_.is_open(); ++tries) {
        const delivery::Millis left = std::max(deadline - now(), least_to_commit);
        const auto committed = committer_.commit_and_wait(now(), left);
        if (!committed) return input_failed(committed.error());
        if (*committed || status_.has_failed()) return;
        if (now() >= deadline) {
            log::error(
                "the last commit failed: what was done since the one before is done again after a restart",
                {{"component", pipeline_.config.name}, {"queue", pipeline_.input.name}});
            status_.out_of_time.store(true, std::memory_order_release);
            return;
        }
        pipeline_.completions.wait_for(
            std::min(backoff_.after(tries), std::max(deadline - now(), delivery::Millis(1))));
    }
}

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

}  // namespace volley::runtime
