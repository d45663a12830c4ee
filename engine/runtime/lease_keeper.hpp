// Extends the leases of all open deliveries well before they end. Thread: intake, like all calls of the
// consumer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "delivery/delivery.hpp"
#include "plugins/instance.hpp"

namespace volley::runtime {

class LeaseKeeper {
public:
    // Finds out whether the consumer has leases.
    void attach(plugins::Consumer& consumer);
    // A message arrived with a lease of `lease_ms`; 0: it has no lease.
    void saw(std::uint32_t lease_ms, delivery::Instant now);
    // Extends the leases if that is due. Errors: only those that end the component; after a passing error the
    // call is tried again.
    Result<void> keep(plugins::Consumer& consumer, const delivery::Delivery& core, delivery::Instant now);
    // Returns the messages whose leases the last keep() found lost.
    const std::vector<delivery::Slot>& lost() const { return lost_; }
    delivery::Instant next() const { return next_; }
    // When the lease of a message ends that was received then, if no further extension succeeds.
    delivery::Instant end_of(delivery::Instant received, std::uint32_t lease_ms) const {
        const delivery::Instant first = received + delivery::Millis(lease_ms);
        return extended_ > received ? std::max(first, extended_ + delivery::Millis(lease_ms_)) : first;
    }

private:
    Result<void> take_results(const std::string& label);

    const volley_ext_lease* lease_ = nullptr;
    std::uint32_t lease_ms_ = 0;  // the shortest seen
    delivery::Instant next_ = delivery::never;
    delivery::Instant extended_{0};  // when the last extension succeeded
    std::vector<std::uint64_t> handles_;
    std::vector<delivery::Slot> slots_;  // of handles_
    std::vector<delivery::Slot> lost_;
    std::vector<std::int32_t> results_;
};

}  // namespace volley::runtime
