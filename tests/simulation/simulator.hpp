// Drives the delivery core with a model world, a virtual clock and random faults from one seed, and checks
// after every step what the core promises. The same seed gives the same run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace simulation {

struct Verdict {
    std::optional<std::string> broken;  // which promise, and when
    std::uint64_t steps = 0;
    std::uint64_t crashes = 0;
    std::uint64_t rebalances = 0;
    std::uint64_t duplicates = 0;
    std::string scenario;
};

Verdict simulate(std::uint64_t seed);

}  // namespace simulation
