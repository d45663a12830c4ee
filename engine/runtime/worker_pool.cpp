#include "runtime/worker_pool.hpp"

#include <algorithm>
#include <system_error>

namespace volley::runtime {

namespace {

constexpr std::uint32_t largest_batch = 512;

}  // namespace

Result<void> WorkerPool::start() {
    outstanding_.assign(pipeline_.config.workers, 0);
    held_.assign(pipeline_.config.workers, 0);
    for (std::uint32_t i = 0; i < pipeline_.config.workers; ++i) {
        auto worker = std::make_unique<Worker>(pipeline_, i);
        try {
            worker->start();
        } catch (const std::system_error& error) {
            return Error(ErrorCode::retry, std::string("no thread for a worker: ") + error.what());
        }
        workers_.push_back(std::move(worker));
    }
    return {};
}

void WorkerPool::idle(std::uint32_t worker, std::uint32_t finished) {
    if (finished == 0) {
        ++ready_;
        return;
    }
    if (!pipeline_.is_async) --outstanding_[worker];
    held_[worker] -= finished;
    in_workers_ -= finished;
}

// One is at work and one waits, so that there is no gap between them; of short ones another comes back.
std::uint32_t WorkerPool::batches_ahead() const { return pipeline_.batch_limit() == largest_batch ? 3 : 2; }

std::uint64_t WorkerPool::capacity() const {
    if (pipeline_.is_async) return std::uint64_t{most_held()} * used();
    return std::uint64_t{batches_ahead()} * used() * pipeline_.batch_limit();
}

// Of messages that complete one by one a worker has those in its handler, and some that wait. Of batches
// those in its handler, one that a child process reads ahead, and one that fills.
std::uint32_t WorkerPool::most_held() const {
    if (pipeline_.config.batch)
        return (pipeline_.config.concurrency + 2) * pipeline_.config.batch->max_messages;
    return pipeline_.config.concurrency + 2 * pipeline_.batch_limit() - 1;
}

// The least busy worker first. Another one is asked only if it is no busier: it may have the next messages of
// its groups, which nobody else may take; but while a worker is idle, the groups had better come to rest, so
// that they are shared.
void WorkerPool::dispatch(delivery::Delivery& core) {
    const std::uint32_t most = pipeline_.is_async ? most_held() : batches_ahead();
    const std::vector<std::uint32_t>& load = pipeline_.is_async ? held_ : outstanding_;
    for (bool gave = true; gave && core.has_work();) {
        gave = false;
        const std::uint32_t workers = used();
        const std::uint32_t least = *std::min_element(load.begin(), load.begin() + workers);
        if (least >= most) return;
        for (std::uint32_t worker = 0; worker < workers && !gave; ++worker)
            gave = load[worker] == least && give(core, worker);
    }
}

// Returns false if the core has nothing for this worker.
bool WorkerPool::give(delivery::Delivery& core, std::uint32_t worker) {
    const std::uint32_t workers = used();
    const auto open = static_cast<std::uint32_t>(core.counters().in_flight);
    const std::uint32_t waiting = open > in_workers_ ? open - in_workers_ : 1;
    const std::uint32_t share = (waiting + workers - 1) / workers;
    const std::uint32_t room = pipeline_.is_async ? most_held() - held_[worker] : pipeline_.batch_limit();
    batch_.resize(std::min(room, std::max(share, 1U)));
    const std::uint32_t taken = core.take(batch_.data(), static_cast<std::uint32_t>(batch_.size()), worker);
    batch_.resize(taken);
    if (taken == 0) return false;
    in_workers_ += taken;
    held_[worker] += taken;
    if (!pipeline_.is_async) ++outstanding_[worker];
    workers_[worker]->inbox().give(batch_);
    return true;
}

void WorkerPool::finish(delivery::Millis close_timeout) {
    for (const auto& worker : workers_) worker->inbox().finish(close_timeout);
}

bool WorkerPool::ended() const {
    return std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->ended(); });
}

std::vector<std::string> WorkerPool::join_or_abandon() {
    std::vector<std::string> hang;
    for (const auto& worker : workers_) {
        if (worker->ended()) {
            worker->join();
            continue;
        }
        const OutputQueue* const output_queue = worker->output_queue_in_use();
        hang.push_back(output_queue == nullptr ? "handler " + pipeline_.handler_label
                                               : "output \"" + output_queue->queue + "\"");
        worker->abandon();
    }
    return hang;
}

bool WorkerPool::is_calling(const OutputQueue& output_queue) const {
    return std::any_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
        return !worker->ended() && worker->output_queue_in_use() == &output_queue;
    });
}

std::uint32_t WorkerPool::busy() const {
    return static_cast<std::uint32_t>(
        std::count_if(held_.begin(), held_.end(), [](std::uint32_t messages) { return messages > 0; }));
}

std::string WorkerPool::handler_problem() const {
    for (const auto& worker : workers_) {
        if (worker->handler().has_problem()) return worker->handler().problem();
    }
    return {};
}

std::string WorkerPool::handler_outage() const {
    for (const auto& worker : workers_) {
        if (std::string why = worker->handler().outage(); !why.empty()) return why;
    }
    return {};
}

bool WorkerPool::has_call_in_time(delivery::Instant now) const {
    return std::any_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
        const std::int64_t since = worker->in_call_since_ms();
        return since > 0 && now.count() - since <= pipeline_.config.handler_timeout.count();
    });
}

std::int64_t WorkerPool::overdue_since(delivery::Instant now) const {
    std::int64_t oldest = 0;
    for (const auto& worker : workers_) {
        const std::int64_t since = worker->in_call_since_ms();
        const bool overdue = since > 0 && now.count() - since > pipeline_.config.handler_timeout.count();
        if (overdue && (oldest == 0 || since < oldest)) oldest = since;
    }
    return oldest;
}

WorkerPool::Restarts WorkerPool::restarts() const {
    Restarts sum;
    for (const auto& worker : workers_) {
        sum.all += worker->handler().restarts();
        sum.planned += worker->handler().recycled();
        if (pipeline_.shared_handler) break;  // all workers use one slot
    }
    return sum;
}

}  // namespace volley::runtime
