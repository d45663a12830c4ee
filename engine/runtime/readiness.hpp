// Why a component is not ready: one value that /readyz, the API, the log and the watchdog read. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/snapshot.hpp"
#include "volley/error.hpp"

namespace volley::runtime {

// What is known about a component at one moment. Pointers are borrowed for the call.
struct ReadinessFacts {
    const std::string* input = nullptr;  // the queue's name
    std::optional<Error> failure;        // the error because of which it stops
    bool opened = false;
    std::string opening;  // why it is not opened yet; empty: unknown
    bool draining = false;
    bool paused = false;      // by an operator
    bool input_up = false;    // the last call into the input succeeded
    std::string input_cause;  // otherwise: why it failed; may be empty
    std::string input_down;   // what its connector reports; empty: nothing
    std::string
        handler_outage;  // why handlers accept nothing, if the cause is outside the engine; else empty
    std::string handler_problem;               // why a worker has no handler; empty: every worker has one
    double overdue_since = 0;                  // Unix time from which a handler has been running for longer
                                               // than handler_timeout; 0: none has
    const std::string* output_down = nullptr;  // the first output queue that accepts no messages
    std::string output_cause;
    const std::string* dead_letters_down = nullptr;  // the dead-letter queue, if it accepts none
    std::string dead_letters_cause;
    bool breaker_open = false;
    std::uint32_t exhausted = 0;                   // messages that failed max_attempts times
    const RetryingSnapshot* next_retry = nullptr;  // with the breaker open, or exhausted messages
};

struct Readiness {
    enum class Cause : std::uint8_t {
        none,  // ready
        failed,
        starting,
        draining,
        paused,
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

// The cause in one word; empty for none.
const char* name_of(Readiness::Cause cause);

// "2026-11-24T10:00:00Z"
std::string utc_text(double unix_seconds);

// Since when the cause is the same.
class CauseClock {
public:
    // Returns the Unix time in seconds; 0 if there is no cause.
    double since(Readiness::Cause cause, std::int64_t unix_ms) {
        if (cause != cause_) {
            cause_ = cause;
            since_ = static_cast<double>(unix_ms) / 1000;
        }
        return cause == Readiness::Cause::none ? 0 : since_;
    }

private:
    Readiness::Cause cause_ = Readiness::Cause::none;
    double since_ = 0;
};

}  // namespace volley::runtime
