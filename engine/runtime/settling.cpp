#include "runtime/settling.hpp"

#include <algorithm>
#include <string>

#include "log/log.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

Settling::Settling(IntakeContext& context)
    : context_(context),
      failures_(context.pipeline),
      reports_(context.pipeline, context.core, context.workers, failures_),
      settler_(context.pipeline, context.core, context.input),
      committer_(context.pipeline, context.core, context.input, context.assignments),
      transactor_(context.pipeline, context.core, context.input, failures_) {}

void Settling::turn() {
    take_reports();
    context_.core.tick(context_.now);
    serve_output_queues();
    if (auto run = transactor_.run(context_.now); !run) context_.input_failed(run.error());
    if (transactor_.made_progress()) context_.stall_watch.progress(context_.now);
    settle();
    commit();
    keep_leases();
}

void Settling::take_reports() {
    if (reports_.take(context_.now)) context_.stall_watch.progress(context_.now);
    if (reports_.failure()) context_.fail(*reports_.failure());
}

void Settling::settle() {
    const auto settled = settler_.settle(context_.now);
    if (!settled) return context_.input_failed(settled.error());
    if (!*settled) context_.fetcher.set_down(settler_.cause());
}

void Settling::commit() {
    if (auto committed = committer_.commit(context_.now); !committed)
        context_.input_failed(committed.error());
}

Result<bool> Settling::commit_and_wait(delivery::Millis timeout) {
    return committer_.commit_and_wait(now(), timeout);
}

// A handler can ask whether the lease of its message is lost. Such a message is not acked.
void Settling::keep_leases() {
    if (!context_.input.is_open()) return;
    const auto kept = leases_.keep(context_.input.consumer(), context_.core, context_.now);
    if (!kept) return context_.input_failed(kept.error());
    const auto& lost = leases_.lost();
    if (lost.empty()) return;
    log::warning("leases were lost: these messages run again elsewhere",
                 {{"component", context_.pipeline.config.name}, {"count", std::to_string(lost.size())}});
    for (const delivery::Slot slot : lost) {
        context_.pipeline.contexts[slot].lease_lost.store(true, std::memory_order_relaxed);
        context_.core.lose(slot);
    }
}

// Calls the producers that report only when they are called. If outputs and acks are one transaction, the
// producers of outputs report nothing.
void Settling::serve_output_queues() {
    Pipeline& pipeline = context_.pipeline;
    const auto serve_one = [this](OutputQueue& output_queue) {
        if (auto broken = serve(output_queue, context_.drain_deadline.has_value(), context_.now))
            context_.fail(Error(broken->code, "output to \"" + output_queue.queue + "\": " + broken->text));
    };
    if (!pipeline.transactions) {
        for (const auto& output_queue : pipeline.output_queues) serve_one(*output_queue);
    }
    if (pipeline.dead_letters) serve_one(*pipeline.dead_letters);
}

delivery::Instant Settling::next() const {
    const Pipeline& pipeline = context_.pipeline;
    const delivery::Instant due =
        std::min({context_.core.next_due(), leases_.next(), committer_.next(), transactor_.next()});
    constexpr delivery::Millis serve_period{5};
    const auto owed = [](const auto& output_queue) { return needs_calls(*output_queue); };
    const bool serves = (!pipeline.transactions &&
                         std::any_of(pipeline.output_queues.begin(), pipeline.output_queues.end(), owed)) ||
                        (pipeline.dead_letters && owed(pipeline.dead_letters));
    return serves ? std::min(due, context_.now + serve_period) : due;
}

}  // namespace volley::runtime
