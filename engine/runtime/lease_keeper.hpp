// Keeps what is in hand ours while it is in hand: extends the leases of all open deliveries well before they
// run out. Part of the intake, and on its thread: consumers are called from one thread only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "delivery/delivery.hpp"
#include "plugins/instance.hpp"

namespace volley::runtime {

class LeaseKeeper {
public:
    // Asks the consumer whether it has leases at all.
    void attach(plugins::Consumer& consumer);
    // A message came with a lease of so many ms; 0: none.
    void saw(std::uint32_t lease_ms, delivery::Instant now);
    // Extends if it is time to. Errors: those that end the component; what may pass is tried again.
    Result<void> keep(plugins::Consumer& consumer, const delivery::Delivery& core, delivery::Instant now);
    // The messages whose leases the last keep() found lost.
    const std::vector<delivery::Slot>& lost() const { return lost_; }
    delivery::Instant next() const { return next_; }

private:
    Result<void> take_results(const std::string& label);

    const volley_ext_lease* lease_ = nullptr;
    std::uint32_t lease_ms_ = 0;  // the shortest seen
    delivery::Instant next_ = delivery::never;
    std::vector<std::uint64_t> handles_;
    std::vector<delivery::Slot> slots_;  // of handles_
    std::vector<delivery::Slot> lost_;
    std::vector<std::int32_t> results_;
};

}  // namespace volley::runtime
