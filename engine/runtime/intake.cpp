#include "runtime/intake.hpp"

#include "runtime/closing.hpp"
#include "runtime/opening.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

Intake::Intake(Pipeline& pipeline, plugins::Consumer consumer, const delivery::Options& core,
               IntakeOptions options)
    : context_(pipeline, std::move(consumer), core, options),
      settling_(context_),
      feed_(context_, settling_, core.order == delivery::Order::key),
      listener_(context_, settling_, feed_),
      publisher_(context_, settling_, feed_) {}

void Intake::stop() {
    context_.status.stop_requested.store(true, std::memory_order_release);
    wake();
}

void Intake::pause(bool paused) {
    context_.status.paused.store(paused, std::memory_order_release);
    wake();
}

void Intake::limit_workers(std::uint32_t most) {
    context_.status.worker_limit.store(most, std::memory_order_release);
    wake();
}

void Intake::limit_rate(std::uint32_t per_second) {
    context_.status.rate_limit.store(per_second, std::memory_order_release);
    wake();
}

void Intake::run() {
    context_.now = now();
    if (open_all(context_, settling_, listener_, publisher_)) loop();
    close_all(context_, settling_);
    publisher_.publish();
    context_.status.ended.store(true, std::memory_order_release);
}

void Intake::cannot_run(Error error) {
    context_.fail(std::move(error));
    context_.status.ended.store(true, std::memory_order_release);
}

void Intake::loop() {
    context_.stall_watch.start(context_.now);
    feed_.start();
    for (;;) {
        turn();
        if (context_.status.has_failed()) {
            context_.pipeline.stopping.store(true);
            return context_.core.stop();
        }
        if (begin_drain()) continue;
        if (context_.drain_deadline && context_.core.is_idle()) return;
        if (context_.drain_deadline && context_.now >= *context_.drain_deadline) {
            context_.status.out_of_time.store(true, std::memory_order_release);
            return;
        }
        feed_.wait();
    }
}

// One pass over everything that may have work now.
void Intake::turn() {
    context_.now = now();
    context_.status.turned.store(context_.now.count(), std::memory_order_relaxed);
    if (listener_.was_misused()) return context_.input.give_up();
    settling_.turn();
    feed_.hold_input();
    context_.workers.limit(context_.status.worker_limit.load(std::memory_order_relaxed));
    context_.workers.dispatch(context_.core);
    publisher_.turn();
    if (context_.input.failure()) context_.input_failed(*context_.input.failure());
}

// Returns whether a stop is requested that was not requested before.
bool Intake::begin_drain() {
    const bool stop =
        context_.status.stop_requested.load(std::memory_order_acquire) || context_.core.failed();
    if (!stop || context_.drain_deadline) return false;
    context_.drain_deadline = context_.now + context_.options.shutdown_timeout;
    context_.pipeline.stopping.store(true);
    context_.core.stop();
    return true;
}

}  // namespace volley::runtime
