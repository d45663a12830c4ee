// Each check runs in a process of its own, so that a crash or a hang of the plugin is a failed check and the
// next one finds a clean process. Inside of that process a check ends as soon as its result is known: nothing
// of the plugin runs afterwards, not even destroy.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "conformance/verdict.hpp"

namespace volley::cli::plugin_check {

using conformance::Status;
using conformance::Verdict;

// Runs `check` in a forked child and returns its verdict. A child that crashes, ends, or does not finish by
// the deadline has failed; the text names the call that it was in. Thread: the only one of the process.
Verdict in_child(std::chrono::milliseconds deadline, const std::function<Verdict()>& check);

// The functions below are for checks. Thread: any of the child's.

// Says what the child does now: "consume", "destroy". Shown if it crashes or hangs there.
void note(const std::string& doing);

// End the child with that verdict.
[[noreturn]] void conclude(const Verdict& verdict);
// "what the plugin did", "what its author can do".
[[noreturn]] void broken(const std::string& what, const std::string& advice);
[[noreturn]] void inapplicable(const std::string& why);

inline void require(bool holds, const std::string& what, const std::string& advice) {
    if (!holds) broken(what, advice);
}

// The check goes on; if it passes, the verdict is a warning with the first of these texts.
void doubt(const std::string& what, const std::string& advice);

}  // namespace volley::cli::plugin_check
