// Pauses a log's input while the window is full, and resumes it when there is room again. If the window is
// full only for a moment, it waits instead, because a pause discards what the client has fetched. A consumer
// group allows minutes between two polls, so the wait is harmless. Thread: intake.
#pragma once

#include <optional>

#include "runtime/assignments.hpp"
#include "runtime/input.hpp"

namespace volley::runtime {

class FlowControl {
public:
    // Pauses or resumes the input if that is due. Errors: the connector failed; the next call tries again.
    Result<void> keep(Input& input, const Assignments& assignments, bool wants_messages,
                      delivery::Instant now) {
        constexpr delivery::Millis pause_after{500};
        if (wants_messages) full_since_.reset();
        const bool hold = !wants_messages;
        const bool is_due = paused_ == Paused::some || hold != (paused_ == Paused::all);
        if (!input.is_open() || !input.has_partitions() || !is_due || assignments.all().empty()) return {};
        if (hold && !full_since_) full_since_ = now;
        if (hold && now - *full_since_ < pause_after) return {};
        std::vector<volley_partition> all;
        for (const Assignment& assignment : assignments.all()) all.push_back(partition_of(assignment, -1));
        if (auto done = input.pause(all, hold); !done) return done;
        paused_ = hold ? Paused::all : Paused::none;
        return {};
    }
    // A partition was assigned. It is not paused, while the others keep their state; keep() then pauses or
    // resumes all of them.
    void assigned() {
        if (paused_ == Paused::all) paused_ = Paused::some;
    }

    bool is_paused() const { return paused_ == Paused::all; }
    // The window is full, and the input is not paused yet.
    bool is_held_for_a_moment() const { return full_since_ && paused_ == Paused::none; }

private:
    enum class Paused { none, some, all };
    Paused paused_ = Paused::none;
    std::optional<delivery::Instant> full_since_;
};

}  // namespace volley::runtime
