// How long to wait before a failed store is called again. The jitter keeps consumers that lost the store at
// the same time from returning at the same time. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "delivery/types.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

class StoreBackoff {
public:
    // Returns the delay after this number of consecutive failures.
    delivery::Millis after(std::uint32_t failures) {
        constexpr std::int64_t longest_ms = 5000;
        const std::int64_t most = std::min<std::int64_t>(50LL << std::min(failures, 10U), longest_ms);
        return delivery::Millis(std::uniform_int_distribution<std::int64_t>(most / 2, most)(random_));
    }

private:
    std::minstd_rand random_{static_cast<std::uint32_t>(entropy())};
};

}  // namespace volley::runtime
