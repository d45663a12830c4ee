#include "runtime/worker.hpp"

#include <algorithm>

#include "runtime/schedule.hpp"

namespace volley::runtime {

using delivery::Step;
using delivery::WorkItem;

namespace {

// How often a worker that waits for its handler looks at whether the engine stops.
constexpr delivery::Millis look{100};

}  // namespace

Worker::Worker(Pipeline& pipeline, std::uint32_t number)
    : pipeline_(pipeline),
      number_(number),
      slot_(pipeline.shared_handler ? pipeline.shared_handler : std::make_shared<InstanceSlot>(pipeline)),
      results_(pipeline, number),
      call_(pipeline, *slot_),
      batch_run_(pipeline, number, call_, results_),
      async_run_(pipeline, number, *slot_, results_, [this] { wake(); }) {
    slot_->join();
}

Worker::~Worker() {
    if (thread_.joinable()) {
        finish();
        thread_.join();
    }
}

void Worker::start() {
    results_.prepare();
    thread_.start("worker-" + std::to_string(number_), [this] { run(); });
}

void Worker::give(std::vector<WorkItem>& batch) {
    bool polling;
    {
        const std::lock_guard lock(mutex_);
        inbox_.push_back(std::move(batch));
        batch.clear();
        if (!spare_.empty()) {
            batch = std::move(spare_.back());
            spare_.pop_back();
        }
        polling = polling_;
        if (polling) async_run_.calls().interrupt();
    }
    if (!polling) given_.notify_one();
}

void Worker::finish(delivery::Millis close_timeout) {
    {
        const std::lock_guard lock(mutex_);
        finishing_ = true;
        close_timeout_ = close_timeout;
        if (polling_) async_run_.calls().interrupt();
    }
    given_.notify_one();
}

// The instance stays while `polling_`, hence under the lock.
void Worker::wake() {
    {
        const std::lock_guard lock(mutex_);
        if (woken_) return;
        woken_ = true;
        if (polling_) return async_run_.calls().interrupt();
    }
    given_.notify_one();
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

void Worker::abandon() {
    if (thread_.joinable()) thread_.detach();
}

std::int64_t Worker::in_call_since_ms() const {
    return pipeline_.is_async ? async_run_.calls().pending().since_ms() : call_.in_call_since_ms();
}

void Worker::run() {
    if (open_handler())
        say(Completion::Kind::worker_idle);
    else
        tell_failure();
    if (pipeline_.is_async)
        run_async();
    else
        run_batches();
    slot_->quit(static_cast<std::uint32_t>(close_timeout_.count()));
    ended_.store(true, std::memory_order_release);
    pipeline_.completions.ring();
}

// Makes and opens the handler, waiting for what it needs while the engine runs. Returns false if it stops, or
// if there will never be a handler.
bool Worker::open_handler() {
    if (pipeline_.is_forward()) return true;
    if (slot_->enter() == nullptr) return false;
    slot_->leave_unused();
    return true;
}

void Worker::run_batches() {
    std::vector<WorkItem> batch;
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            if (batch.capacity() > 0) {
                batch.clear();
                spare_.push_back(std::move(batch));
            }
            given_.wait(lock, [this] { return !inbox_.empty() || finishing_; });
            if (inbox_.empty()) return;
            batch = std::move(inbox_.front());
            inbox_.pop_front();
        }
        batch_run_.run(batch);
        if (slot_->health().has_problem()) tell_failure();
    }
}

void Worker::run_async() {
    Batches batches;
    for (;;) {
        bool is_last;
        {
            const std::lock_guard lock(mutex_);
            for (auto& batch : batches) {
                batch.clear();
                spare_.push_back(std::move(batch));
            }
            batches.clear();
            batches.swap(inbox_);
            woken_ = false;
            is_last = finishing_;
        }
        results_.begin_pass();
        std::uint32_t over = 0;
        take_work(batches, over);
        over += async_run_.pass();
        results_.end_pass(over);
        if (slot_->health().has_problem()) tell_failure();
        if (is_last && async_run_.is_idle()) return;
        if (!async_run_.calls().has_ended()) wait_for_work();
    }
}

void Worker::take_work(const Batches& batches, std::uint32_t& over) {
    for (const auto& batch : batches) {
        for (const WorkItem& item : batch) {
            switch (item.step) {
                case Step::send_again:
                    results_.send_again(item);
                    ++over;
                    break;
                case Step::dead_letter:
                    results_.send_dead_letter(item);
                    ++over;
                    break;
                case Step::handle:
                    async_run_.add(item);
                    break;
            }
        }
    }
}

// Until there is work, or a message has ended. A handler that has a poll is what ends them.
void Worker::wait_for_work() {
    AsyncCalls& calls = async_run_.calls();
    const bool is_idle = async_run_.is_idle();
    const auto has_come = [this, is_idle] { return !inbox_.empty() || woken_ || (finishing_ && is_idle); };
    std::unique_lock lock(mutex_);
    if (is_idle) return given_.wait(lock, has_come);
    const Nanoseconds until = std::min({calls.next_deadline(), async_run_.batch_due(), monotonic() + look});
    if (!calls.has_poll()) {
        given_.wait_until(lock, until, has_come);
        return;
    }
    if (has_come()) return;
    polling_ = true;
    lock.unlock();
    calls.poll(std::max(std::chrono::ceil<delivery::Millis>(until - monotonic()), delivery::Millis(0)));
    lock.lock();
    polling_ = false;
}

void Worker::say(Completion::Kind kind) {
    Completion c;
    c.kind = kind;
    c.slot = number_;
    pipeline_.completions.push(&c, 1);
}

// That there will never be a handler again, once. Without one the engine stops.
void Worker::tell_failure() {
    if (told_failure_) return;
    auto failure = slot_->failure();
    if (!failure) return;
    told_failure_ = true;
    failure_ = std::move(*failure);
    say(Completion::Kind::worker_failed);
}

}  // namespace volley::runtime
