// A worker: a thread that takes batches of what the core says is to be done, and carries each through decode,
// handle, encode and produce. What became of it goes back as completions.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/handle.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

class Worker {
public:
    Worker(Pipeline& pipeline, std::uint32_t number)
        : pipeline_(pipeline), number_(number), call_(pipeline) {}
    ~Worker();

    // Starts the thread. It opens the handler first: worker_idle with count 0 says that it is ready.
    // worker_failed, now or later, says that there will never be a handler again. Thread: intake, as all that
    // follows.
    void start();
    // Gives it a batch; takes the contents of `batch` and leaves it empty.
    void give(std::vector<delivery::WorkItem>& batch);
    // Lets it end after the batches it has; its handler has so long to close. Does not wait.
    void finish(delivery::Millis close_timeout = delivery::Millis(0));
    // Has its thread ended? Then join() does not block.
    bool ended() const { return ended_.load(std::memory_order_acquire); }
    void join();
    // Lets go of a thread that hangs in a handler; the process is about to exit.
    void abandon();

    // Since when the handler has been working on one call; 0: it is not. ms of the monotonic clock.
    std::int64_t in_call_since_ms() const { return call_.in_call_since_ms(); }
    // Its handler's instance.
    const InstanceSlot& handler() const { return call_.slot(); }
    // The output queue that it hands records to right now; null: none.
    const OutputQueue* output_queue_in_use() const { return output_queue_in_use_.load(); }
    const Error& failure() const { return failure_; }  // after worker_failed

private:
    void run();
    void say(Completion::Kind kind);
    void tell_failure();
    void run_batch(const std::vector<delivery::WorkItem>& batch);
    std::size_t messages_of_call(const std::vector<delivery::WorkItem>& batch, std::size_t first);
    void handle_messages(const delivery::WorkItem* items, std::size_t count);
    void call_handler();
    std::uint32_t crashes_with(MessageContext& context) const;
    void handle_suspect(const delivery::WorkItem& item, std::uint32_t crashes);
    void forward(const delivery::WorkItem& item);
    void send_again(const delivery::WorkItem& item);
    void send_dead_letter(const delivery::WorkItem& item);
    void hand_over(const delivery::WorkItem& item);
    void send(const delivery::WorkItem& item);
    void refuse(const delivery::WorkItem& item, const codec::Failure& failure);
    void give_back(const delivery::WorkItem& item, const HandlerResult& result);
    bool group_failed(const delivery::WorkItem& item) const;
    void produce_all();
    void produce_to(OutputQueue& output_queue, std::size_t index);
    void measure(Nanoseconds took, std::size_t count);

    Pipeline& pipeline_;
    std::uint32_t number_;
    HandlerCall call_;
    Thread thread_;
    std::atomic<bool> ended_{false};
    std::atomic<const OutputQueue*> output_queue_in_use_{nullptr};
    Error failure_{ErrorCode::fatal, ""};
    bool told_failure_ = false;

    std::mutex mutex_;
    Condition given_;
    std::deque<std::vector<delivery::WorkItem>> inbox_;
    std::vector<std::vector<delivery::WorkItem>> spare_;  // emptied batches, to be filled again
    bool finishing_ = false;
    delivery::Millis close_timeout_{0};

    // Of the batch at hand.
    std::vector<std::vector<volley_record>> records_;  // by output queue; the last is the dead-letter queue
    std::vector<std::vector<std::uint32_t>> places_;   // of each record's message, in completions_
    std::size_t collected_ = 0;                        // records of outputs
    std::vector<Completion> completions_;
    std::vector<delivery::WorkItem> sound_;  // of a call: those that could be decoded
    std::vector<HandlerResult> results_;
    codec::Parsed tree_;                             // of the message that is forwarded
    std::vector<std::uint32_t> last_call_of_group_;  // by group: the last call that had a message of it
    std::uint32_t call_number_ = 0;

    std::vector<std::uint32_t> failed_turns_;  // by group: the last turn in which a message of it failed
};

}  // namespace volley::runtime
