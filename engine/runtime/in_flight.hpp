// Which messages are in flight: the list for operators. It is made only if somebody asks, at most once a
// second, and takes at most a hundredth of the time. Thread: intake.
#pragma once

#include "delivery/delivery.hpp"
#include "runtime/assignments.hpp"
#include "runtime/component_status.hpp"
#include "runtime/lease_keeper.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

class InFlight {
public:
    // Makes the list if somebody asked for it and it is due, and publishes it.
    void look(const delivery::Delivery& core, const Pipeline& pipeline, const Assignments& assignments,
              const LeaseKeeper& leases, ComponentStatus& status, delivery::Instant now);

private:
    delivery::Instant next_look_{0};
};

}  // namespace volley::runtime
