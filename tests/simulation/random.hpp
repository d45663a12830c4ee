// The one source of chance in a simulation.
#pragma once

#include <cstdint>
#include <random>

namespace simulation {

using Random = std::mt19937_64;

inline std::uint64_t below(Random& random, std::uint64_t bound) { return random() % bound; }
inline bool chance(Random& random, double probability) {
    return static_cast<double>(random() >> 11U) * 0x1.0p-53 < probability;
}

}  // namespace simulation
