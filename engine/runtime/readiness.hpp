// Why a component is not ready: one value that /readyz, the log and the watchdog read. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "volley/error.hpp"

namespace volley::runtime {

// What is known about a component at one moment. Pointers are borrowed for the call.
struct ReadinessFacts {
    const std::string* input = nullptr;  // the queue's name
    std::optional<Error> failure;        // the error because of which it stops
    bool opened = false;
    bool draining = false;
    bool input_up = false;   // the last call into the input succeeded
    std::string input_down;  // what its connector reports; empty: nothing
    std::string
        handler_outage;  // why handlers accept nothing, if the cause is outside the engine; else empty
    std::string handler_problem;               // why a worker has no handler; empty: every worker has one
    bool handler_overdue = false;              // a handler has been running for longer than handler_timeout
    const std::string* output_down = nullptr;  // the first output queue that accepts no messages
    const std::string* dead_letters_down = nullptr;  // the dead-letter queue, if it accepts none
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
    // The engine can only wait: the cause is outside it.
    bool is_outage = false;

    bool is_ready() const { return cause == Cause::none; }
};

// Returns the first cause that applies, in the order of Cause.
Readiness readiness_of(const ReadinessFacts& facts);

}  // namespace volley::runtime
