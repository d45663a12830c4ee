// The queue through which workers and producers report to the intake thread. Any thread pushes, in batches.
// The intake thread drains the queue; a push wakes it if it waits.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/types.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

// Small, because two of them per message pass between processor cores.
struct Completion {
    enum class Kind : std::uint8_t {
        handled,         // a worker returns a message
        reported,        // a producer reports one output
        dead_letter,     // a producer reports a dead letter
        worker_idle,     // a worker has finished a batch: `slot` is its number, `count` the number of handler
                         // runs in the batch
        worker_failed,   // a worker's handler could not be opened; the worker has the text
        producer_failed  // a producer cannot go on: `status` and the text say why
    } kind = Kind::handled;
    delivery::Verdict verdict = delivery::Verdict::ok;
    std::int16_t status = 0;  // reports: VOLLEY_OK or VOLLEY_E_…
    std::uint32_t slot = 0;
    std::uint32_t count = 0;  // handled: number of outputs; reported: index of the output
    // handled: the size of its outputs in bytes, or the reason for its failure; reports: index of the text +
    // 1, or 0 for none
    std::uint32_t detail = 0;
    // The record that a report is about: the index of its output queue, and the life of its slot.
    struct Origin {
        std::uint16_t queue_index;
        std::uint16_t life;
    };
    union {
        std::uint32_t retry_after_ms = 0;  // handled, with a retry: the handler's delay; 0: none
        std::uint32_t confirmed;  // handled with success: bit set of the outputs that are already stored
        Origin origin;            // reports
    };
};

// What drain() returns.
struct Drained {
    std::vector<Completion> completions;
    std::vector<std::string> texts;
    // Returns why the reported operation failed, for a person to read.
    std::string_view text_of(const Completion& completion) const {
        return completion.detail == 0 ? std::string_view() : std::string_view(texts[completion.detail - 1]);
    }
};

class Completions {
public:
    // Does not block for long: the lock is held only for the copy. Thread: any.
    void push(const Completion* first, std::size_t count);
    // Pushes one failure with its text. Thread: any.
    void push(Completion completion, std::string_view text);

    // Replaces the contents of `out` with everything in the queue. Thread: intake.
    void drain(Drained& out);

    // Between these two calls the intake thread waits elsewhere, in a consumer, and a push calls `wake`.
    // prepare_to_wait() returns false if something has arrived already; then the caller must not wait.
    // Thread: intake.
    bool prepare_to_wait(const std::function<void()>* wake);
    void end_wait();

    // Waits until something arrives, ring() is called, or `timeout` has passed. Thread: intake.
    void wait_for(delivery::Millis timeout);
    // Ends a wait. Without a wait in progress, makes the next one return at once. Thread: any.
    void ring();

private:
    const std::function<void()>* take_wake();

    std::mutex mutex_;
    Condition came_;
    Drained queue_;
    const std::function<void()>* wake_ = nullptr;
    bool rung_ = false;
};

}  // namespace volley::runtime
