#include "runtime/closing.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "runtime/schedule.hpp"
#include "runtime/store_backoff.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis close_timeout{5'000};  // for all producers and the consumer together
constexpr delivery::Millis least_to_close{100};   // for each of them, when close_timeout is used up
constexpr delivery::Millis least_to_commit{100};
constexpr delivery::Millis abandon_after{1'000};  // for everything, after the drain deadline has passed

delivery::Millis time_left(delivery::Instant deadline) {
    return std::clamp(deadline - now(), least_to_close, close_timeout);
}

class Closing {
public:
    Closing(IntakeContext& context, Settling& settling) : context_(context), settling_(settling) {}

    void close_all();

private:
    void join_workers(delivery::Instant deadline);
    void close_output_queues(delivery::Instant deadline);
    void close_input(delivery::Instant deadline);
    void settle_last(delivery::Instant deadline);
    void commit_last(delivery::Instant deadline);
    bool is_hung() const { return context_.status.hung.load(std::memory_order_acquire); }

    IntakeContext& context_;
    Settling& settling_;
    StoreBackoff backoff_;
};

void Closing::close_all() {
    context_.now = now();
    context_.pipeline.stopping.store(true);
    context_.core.abort();
    context_.pipeline.aborting.store(true);
    const delivery::Instant deadline =
        context_.status.out_of_time.load(std::memory_order_acquire)
            ? context_.now + abandon_after
            : context_.now + std::max(context_.options.shutdown_timeout, abandon_after);
    join_workers(deadline);
    settling_.take_reports();
    // All close calls share one time span, which ends at most one second after the drain deadline. The last
    // ones still get least_to_close.
    delivery::Instant close_by = now() + close_timeout;
    if (context_.drain_deadline) close_by = std::min(close_by, *context_.drain_deadline + abandon_after);
    if (context_.input.is_open()) settling_.transactor().await_outcomes(close_by);
    close_output_queues(close_by);
    settling_.transactor().release_all();
    close_input(close_by);
    context_.status.stopped_by_message.store(context_.core.failed(), std::memory_order_release);
    log::info("component has ended", {{"component", context_.pipeline.config.name},
                                      {"received", std::to_string(context_.core.counters().received)},
                                      {"done", std::to_string(context_.core.counters().done)},
                                      {"dead", std::to_string(context_.core.counters().dead)},
                                      {"released", std::to_string(context_.core.counters().released)}});
}

void Closing::join_workers(delivery::Instant deadline) {
    // A child process that does not end by itself gets half of the remaining time, because the producers and
    // the consumer close after it.
    const delivery::Instant close_by =
        context_.drain_deadline ? std::min(deadline, *context_.drain_deadline + abandon_after) : deadline;
    context_.workers.finish(std::clamp((close_by - now()) / 2, delivery::Millis(0), close_timeout));
    while (!context_.workers.ended() && now() < deadline) {
        context_.pipeline.completions.wait_for(delivery::Millis(20));
        context_.now = now();
        settling_.take_reports();
    }
    for (const std::string& call : context_.workers.join_or_abandon()) {
        log::error("a call hangs; the worker that made it is left behind",
                   {{"component", context_.pipeline.config.name}, {"call", call}});
        if (context_.pipeline.journal) context_.pipeline.journal->forget_running();
        context_.status.hung.store(true, std::memory_order_release);
    }
}

// Does not close a producer that a hanging worker is calling. In that case the consumer is not closed either.
void Closing::close_output_queues(delivery::Instant deadline) {
    const auto close_one = [&](OutputQueue& output_queue) {
        if (!context_.workers.is_calling(output_queue))
            close(output_queue, static_cast<std::uint32_t>(time_left(deadline).count()));
    };
    for (const auto& output_queue : context_.pipeline.output_queues) close_one(*output_queue);
    if (context_.pipeline.dead_letters) close_one(*context_.pipeline.dead_letters);
    context_.now = now();
    settling_.take_reports();
    if (!is_hung()) context_.core.end_reports();
}

// A worker that hangs may still read its messages, so their consumer must be neither closed nor destroyed.
// The process is about to end, and the store delivers the messages again.
void Closing::close_input(delivery::Instant deadline) {
    settle_last(deadline);
    commit_last(deadline);
    if (is_hung()) return;
    if (auto closed = context_.input.close(time_left(deadline)); !closed) {
        log::warning(closed.error().text,
                     {{"component", context_.pipeline.config.name}, {"doing", "closing the consumer"}});
    }
}

// A message that is done but not acked at the end is processed again.
void Closing::settle_last(delivery::Instant deadline) {
    for (std::uint32_t tries = 1; context_.input.is_open(); ++tries) {
        context_.core.settle_now();
        settling_.settle();
        if (settling_.is_finished() || context_.status.has_failed() || is_hung()) return;
        if (now() >= deadline) break;
        context_.pipeline.completions.wait_for(
            std::min(backoff_.after(tries), std::max(deadline - now(), delivery::Millis(1))));
        context_.now = now();
    }
    if (context_.core.is_idle() || !context_.input.is_open()) return;
    log::error("the last messages could not be settled: they are delivered again after a restart",
               {{"component", context_.pipeline.config.name}, {"queue", context_.pipeline.input.name}});
    context_.status.out_of_time.store(true, std::memory_order_release);
}

// Messages whose offsets are not committed at the end are processed again, so a stop without the commit is
// not clean.
void Closing::commit_last(delivery::Instant deadline) {
    for (std::uint32_t tries = 1; context_.input.is_open(); ++tries) {
        const delivery::Millis left = std::max(deadline - now(), least_to_commit);
        const auto committed = settling_.commit_and_wait(left);
        if (!committed) return context_.input_failed(committed.error());
        if (*committed || context_.status.has_failed()) return;
        if (now() >= deadline) {
            log::error(
                "the last commit failed: what was done since the one before is done again after a restart",
                {{"component", context_.pipeline.config.name}, {"queue", context_.pipeline.input.name}});
            context_.status.out_of_time.store(true, std::memory_order_release);
            return;
        }
        context_.pipeline.completions.wait_for(
            std::min(backoff_.after(tries), std::max(deadline - now(), delivery::Millis(1))));
    }
}

}  // namespace

void close_all(IntakeContext& context, Settling& settling) { Closing(context, settling).close_all(); }

}  // namespace volley::runtime
