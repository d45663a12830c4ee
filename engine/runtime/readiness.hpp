// Why nothing moves: one value that /readyz, the log and the watchdog read. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "volley/error.hpp"

namespace volley::runtime {

// What is known of a component at one moment. Views are borrowed for the call.
struct ReadinessFacts {
    const std::string* input = nullptr;  // the queue's name
    std::optional<Error> failure;        // it stops, because of this
    bool opened = false;
    bool draining = false;
    bool input_up = false;         // the last call into the input succeeded
    std::string input_down;        // what its connector says; empty: nothing
    std::string handler_outage;    // why handlers take nothing now, through no fault of ours; empty: they do
    std::string handler_problem;   // why a worker has no handler; empty: all have one
    bool handler_overdue = false;  // one has been running for longer than handler_timeout
    const std::string* output_down = nullptr;        // the first output that does not take messages
    const std::string* dead_letters_down = nullptr;  // the dead-letter queue, if it does not
    bool breaker_open = false;
    std::uint32_t exhausted = 0;  // messages that failed max_attempts times
};

struct Readiness {
    enum class Cause : std::uint8_t {
        none,  // ready
        failed,
        starting,
        draining,
        input,
        handler,
        output,
        dead_letters,
        breaker,
        exhausted,
        overdue
    } cause = Cause::none;
    std::string text;  // a sentence; empty when ready
    // Something that we only wait for: it is not ours to mend.
    bool is_outage = false;

    bool is_ready() const { return cause == Cause::none; }
};

// The first cause that applies, in the order of Cause.
Readiness readiness_of(const ReadinessFacts& facts);

}  // namespace volley::runtime
