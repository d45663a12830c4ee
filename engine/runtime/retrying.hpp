// Which messages wait to be tried again: the list for operators. It is made at most once a second, and looks
// at a bounded number of timers, so that it costs nothing that can be measured. Thread: intake.
#pragma once

#include <vector>

#include "delivery/delivery.hpp"
#include "runtime/assignments.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/snapshot.hpp"

namespace volley::runtime {

class Retrying {
public:
    // Makes the list again if that is due. Returns whether it did.
    bool look(const delivery::Delivery& core, const Pipeline& pipeline, const Assignments& assignments,
              delivery::Instant now);
    // The messages that are tried next, the earliest first.
    const std::vector<RetryingSnapshot>& list() const { return list_; }

private:
    delivery::Instant next_look_{0};
    std::vector<RetryingSnapshot> list_;
};

}  // namespace volley::runtime
