// What workers and producers have to say to the intake thread: one queue, filled from any thread in batches,
// emptied by the intake thread, which is woken if it waits.
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

// Two of them for each message go from core to core, so they are small.
struct Completion {
    enum class Kind : std::uint8_t {
        handled,      // a worker returns a message
        reported,     // a producer's report of one output
        dead_letter,  // … of a dead letter
        worker_idle,  // a worker has finished a batch: `slot` is its number, `count` how many handler runs it
                      // held
        worker_failed,   // its handler could not be opened; the text is with the worker
        producer_failed  // it cannot go on: `status` and the text say why
    } kind = Kind::handled;
    delivery::Verdict verdict = delivery::Verdict::ok;
    std::int16_t status = 0;  // reports: VOLLEY_OK or VOLLEY_E_…
    std::uint32_t slot = 0;
    std::uint32_t count = 0;  // handled: outputs handed over; reported: which output
    // handled: the bytes of its outputs, or the reason of its failure; reports: 1 + place of the text, 0 none
    std::uint32_t detail = 0;
    // The record that a report is of: its output queue's index, and the life of its slot.
    struct Origin {
        std::uint16_t queue_index;
        std::uint16_t life;
    };
    union {
        std::uint32_t retry_after_ms = 0;  // handled, and to be tried again: the handler's wish, 0 none
        std::uint32_t confirmed;  // handled with success: which outputs are stored already, a bit each
        Origin origin;            // reports
    };
};

// What drain() hands over.
struct Drained {
    std::vector<Completion> completions;
    std::vector<std::string> texts;
    // Why the report failed, for a person.
    std::string_view text_of(const Completion& completion) const {
        return completion.detail == 0 ? std::string_view() : std::string_view(texts[completion.detail - 1]);
    }
};

class Completions {
public:
    // Thread: any. Never blocks for long: the lock is held for the copy.
    void push(const Completion* first, std::size_t count);
    // The same for one that failed, with its text.
    void push(Completion completion, std::string_view text);

    // Moves everything into `out`, which is emptied first. Thread: intake.
    void drain(Drained& out);

    // Between these two the intake thread waits elsewhere (in a consumer), and a push calls `wake`. prepare
    // returns false if something came already: then do not wait. Thread: intake.
    bool prepare_to_wait(const std::function<void()>* wake);
    void end_wait();

    // Waits here until something comes, ring() is called, or the time is over. Thread: intake.
    void wait_for(delivery::Millis timeout);
    // Ends a wait, or keeps the next from waiting. Thread: any.
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
