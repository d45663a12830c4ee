#include "runtime/worker.hpp"

#include <algorithm>

namespace volley::runtime {

using delivery::Step;
using delivery::WorkItem;

namespace {

// How often a worker that waits for its handler looks at whether the engine stops.
constexpr delivery::Millis look{100};

// Makes and opens the handler, waiting for what it needs while the engine runs. Returns false if it stops, or
// if there will never be a handler.
bool open_handler(const Pipeline& pipeline, InstanceSlot& slot) {
    if (pipeline.is_forward()) return true;
    if (slot.enter() == nullptr) return false;
    slot.leave_unused();
    return true;
}

void say(Pipeline& pipeline, Completion::Kind kind, std::uint32_t worker) {
    Completion c;
    c.kind = kind;
    c.slot = worker;
    pipeline.completions.push(&c, 1);
}

// Carries out what needs no handler, and leaves the rest to `run`. Returns how many work items are over.
std::uint32_t take_work(const Batches& batches, PassResults& results, AsyncRun& run) {
    std::uint32_t over = 0;
    for (const auto& batch : batches) {
        for (const WorkItem& item : batch) {
            switch (item.step) {
                case Step::send_again:
                    results.send_again(item);
                    ++over;
                    break;
                case Step::dead_letter:
                    results.send_dead_letter(item);
                    ++over;
                    break;
                case Step::handle:
                    run.add(item);
                    break;
            }
        }
    }
    return over;
}

// Until there is work, or a message has ended. A handler that has a poll is what ends them.
void wait_for_work(WorkInbox& inbox, AsyncRun& run) {
    if (run.is_idle()) return inbox.wait(true, Nanoseconds::max());
    AsyncCalls& calls = run.calls();
    const Nanoseconds until = std::min({calls.next_deadline(), run.batch_due(), monotonic() + look});
    if (!calls.has_poll()) return inbox.wait(false, until);
    if (!inbox.begin_poll()) return;
    calls.poll(std::max(std::chrono::ceil<delivery::Millis>(until - monotonic()), delivery::Millis(0)));
    inbox.end_poll();
}

}  // namespace

Worker::Worker(Pipeline& pipeline, std::uint32_t number)
    : pipeline_(pipeline),
      number_(number),
      slot_(pipeline.shared_handler ? pipeline.shared_handler : std::make_shared<InstanceSlot>(pipeline)),
      results_(pipeline, number),
      batch_run_(pipeline, number, *slot_, results_),
      inbox_([this] { async_run_.calls().interrupt(); }),
      async_run_(pipeline, number, *slot_, results_, [this] { inbox_.wake(); }) {
    slot_->join();
}

Worker::~Worker() {
    if (thread_.joinable()) {
        inbox_.finish(delivery::Millis(0));
        thread_.join();
    }
}

void Worker::start() {
    results_.prepare();
    thread_.start("worker-" + std::to_string(number_), [this] { run(); });
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

void Worker::abandon() {
    if (thread_.joinable()) thread_.detach();
}

std::int64_t Worker::in_call_since_ms() const {
    return pipeline_.is_async ? async_run_.calls().pending().since_ms() : batch_run_.in_call_since_ms();
}

void Worker::run() {
    if (open_handler(pipeline_, *slot_))
        say(pipeline_, Completion::Kind::worker_idle, number_);
    else
        tell_failure();
    if (pipeline_.is_async)
        run_async();
    else
        run_batches();
    slot_->quit(static_cast<std::uint32_t>(inbox_.close_timeout().count()));
    ended_.store(true, std::memory_order_release);
    pipeline_.completions.ring();
}

void Worker::run_batches() {
    std::vector<WorkItem> batch;
    while (inbox_.take(batch)) {
        batch_run_.run(batch);
        if (slot_->health().has_problem()) tell_failure();
    }
}

void Worker::run_async() {
    Batches batches;
    for (;;) {
        const bool is_last = inbox_.take_all(batches);
        results_.begin_pass();
        std::uint32_t over = take_work(batches, results_, async_run_);
        over += async_run_.pass();
        results_.end_pass(over);
        if (slot_->health().has_problem()) tell_failure();
        if (is_last && async_run_.is_idle()) return;
        if (!async_run_.calls().has_ended()) wait_for_work(inbox_, async_run_);
    }
}

// That there will never be a handler again, once. Without one the engine stops.
void Worker::tell_failure() {
    if (failure_) return;
    failure_ = slot_->failure();
    if (failure_) say(pipeline_, Completion::Kind::worker_failed, number_);
}

}  // namespace volley::runtime
