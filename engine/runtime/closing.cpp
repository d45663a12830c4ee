// After the loop: releases every message that is not confirmed by now. Order of the steps: producers close
// first, because they then report everything; after that, deliveries can be settled; the consumer closes
// last. Each step has its own time limit, and applies only to what was opened.
#include <algorithm>

#include "log/log.hpp"
#include "runtime/intake.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis close_timeout{5'000};  // for all producers and the consumer together
constexpr delivery::Millis least_to_close{100};   // for each of them, when close_timeout is used up
constexpr delivery::Millis least_to_commit{100};
constexpr delivery::Millis abandon_after{1'000};  // for everything, after the drain deadline has passed

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
    // All close calls share one time span, which ends at most one second after the drain deadline. The last
    // ones still get least_to_close.
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
    // A child process that does not end by itself gets half of the remaining time, because the producers and
    // the consumer close after it.
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

// Does not close a producer that a hanging worker is calling. In that case the consumer is not closed either.
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

// A worker that hangs may still read its messages, so their consumer must be neither closed nor destroyed.
// The process is about to end, and the store delivers the messages again.
void Intake::close_input(delivery::Instant deadline) {
    settle_last(deadline);
    commit_last(deadline);
    if (hung()) return;
    if (auto closed = input_.close(time_left(deadline)); !closed) {
        log::warning(closed.error().text,
                     {{"component", pipeline_.config.name}, {"doing", "closing the consumer"}});
    }
}

// A message that is done but not acked at the end is processed again.
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

// Messages whose offsets are not committed at the end are processed again, so a stop without the commit is
// not clean.
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
