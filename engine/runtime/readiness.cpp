#include "runtime/readiness.hpp"

#include <cmath>
#include <ctime>

#include "runtime/component_status.hpp"

namespace volley::runtime {

namespace {

using Cause = Readiness::Cause;

std::string with_cause(std::string sentence, const std::string& cause) {
    if (!cause.empty()) sentence += ": " + cause;
    return sentence;
}

// "; message 17 of partition 4 waits for its handler, attempt 3, next try at …: the error"
std::string held_by(const RetryingSnapshot* next) {
    if (next == nullptr) return {};
    std::string text = "; message " + next->message;
    if (next->partition >= 0) text += " of partition " + std::to_string(next->partition);
    text += " is tried again at " + utc_text(next->next_try_seconds) + " (attempt " +
            std::to_string(next->attempt + 1) + ")";
    return with_cause(std::move(text), next->error);
}

// Returns the outage that blocks messages, if any; its cause is outside the engine.
Readiness outage_of(const ReadinessFacts& facts) {
    if (!facts.input_up) {
        const std::string text = "the input \"" + *facts.input + "\" cannot be read";
        return {Cause::input, with_cause(text, facts.input_cause), true};
    }
    if (!facts.input_down.empty()) {
        const bool unexplained = facts.input_down == ComponentStatus::no_reason;
        const std::string text = "the input \"" + *facts.input + "\" is down";
        return {Cause::input, with_cause(text, unexplained ? "" : facts.input_down), true};
    }
    if (!facts.handler_outage.empty()) return {Cause::handler, facts.handler_outage, true};
    if (facts.output_down != nullptr) {
        const std::string text = "the output \"" + *facts.output_down + "\" does not take messages";
        return {Cause::output, with_cause(text, facts.output_cause), true};
    }
    if (facts.dead_letters_down != nullptr) {
        const std::string text =
            "the dead-letter queue \"" + *facts.dead_letters_down + "\" does not take messages";
        return {Cause::dead_letters, with_cause(text, facts.dead_letters_cause), true};
    }
    return {};
}

Readiness starting(const ReadinessFacts& facts) {
    const std::string& why = facts.handler_problem.empty() ? facts.opening : facts.handler_problem;
    return {Cause::starting, why.empty() ? "starting" : why, false};
}

// What is in flight can wait for an outage all the same.
Readiness paused(const ReadinessFacts& facts) {
    const Readiness outage = outage_of(facts);
    return {Cause::paused, "paused by an operator; `volley resume` lets it go on", outage.is_outage};
}

}  // namespace

Readiness readiness_of(const ReadinessFacts& facts) {
    if (facts.failure) return {Cause::failed, facts.failure->text, false};
    if (!facts.opened) return starting(facts);
    if (facts.draining) return {Cause::draining, "draining", false};
    if (facts.paused) return paused(facts);
    if (Readiness outage = outage_of(facts); !outage.is_ready()) return outage;
    if (facts.breaker_open) {
        return {Cause::breaker,
                "every message fails; the input is held back, and one message at a time is tried" +
                    held_by(facts.next_retry),
                false};
    }
    if (facts.exhausted > 0) {
        const std::string who = facts.exhausted == 1 ? "1 message has failed max_attempts times and is"
                                                     : std::to_string(facts.exhausted) +
                                                           " messages have failed max_attempts times and are";
        return {Cause::exhausted, who + " tried on" + held_by(facts.next_retry), false};
    }
    if (!facts.handler_problem.empty()) return {Cause::handler, facts.handler_problem, false};
    if (facts.overdue_since > 0) {
        return {Cause::overdue,
                "a handler has been running since " + utc_text(facts.overdue_since) +
                    ", for longer than handler_timeout",
                false};
    }
    return {};
}

const char* name_of(Readiness::Cause cause) {
    constexpr const char* names[] = {"",        "failed", "starting",     "draining", "paused",    "input",
                                     "handler", "output", "dead_letters", "breaker",  "exhausted", "overdue"};
    return names[static_cast<std::size_t>(cause)];
}

std::string utc_text(double unix_seconds) {
    const auto whole = static_cast<std::time_t>(std::floor(unix_seconds));
    std::tm utc{};
    char text[32] = "";
    if (gmtime_r(&whole, &utc) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

}  // namespace volley::runtime
