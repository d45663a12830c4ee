#include "runtime/readiness.hpp"

namespace volley::runtime {

namespace {

using Cause = Readiness::Cause;

// Returns the outage that blocks messages, if any; its cause is outside the engine.
Readiness outage_of(const ReadinessFacts& facts) {
    if (!facts.input_up) return {Cause::input, "the input \"" + *facts.input + "\" cannot be read", true};
    if (!facts.input_down.empty()) return {Cause::input, facts.input_down, true};
    if (!facts.handler_outage.empty()) return {Cause::handler, facts.handler_outage, true};
    if (facts.output_down != nullptr)
        return {Cause::output, "the output \"" + *facts.output_down + "\" does not take messages", true};
    if (facts.dead_letters_down != nullptr) {
        return {Cause::dead_letters,
                "the dead-letter queue \"" + *facts.dead_letters_down + "\" does not take messages", true};
    }
    return {};
}

}  // namespace

Readiness readiness_of(const ReadinessFacts& facts) {
    if (facts.failure) return {Cause::failed, facts.failure->text, false};
    if (!facts.opened)
        return {Cause::starting, facts.handler_problem.empty() ? "starting" : facts.handler_problem, false};
    if (facts.draining) return {Cause::draining, "draining", false};
    if (Readiness outage = outage_of(facts); !outage.is_ready()) return outage;
    if (facts.breaker_open) {
        return {Cause::breaker,
                "every message fails; the input is held back, and one message at a time is tried", false};
    }
    if (facts.exhausted > 0) {
        return {Cause::exhausted,
                std::to_string(facts.exhausted) + " messages have failed max_attempts times and are tried on",
                false};
    }
    if (!facts.handler_problem.empty()) return {Cause::handler, facts.handler_problem, false};
    if (facts.handler_overdue)
        return {Cause::overdue, "a handler has been running for longer than handler_timeout", false};
    return {};
}

}  // namespace volley::runtime
