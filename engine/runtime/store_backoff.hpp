// How long to wait before a store that failed is asked again. With jitter, so that those who lost it together
// do not come back together. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "delivery/types.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

class StoreBackoff {
public:
    // After so many failures in a row.
    delivery::Millis after(std::uint32_t failures) {
        constexpr std::int64_t longest_ms = 5000;
        const std::int64_t most = std::min<std::int64_t>(50LL << std::min(failures, 10U), longest_ms);
        return delivery::Millis(std::uniform_int_distribution<std::int64_t>(most / 2, most)(random_));
    }

private:
    std::minstd_rand random_{static_cast<std::uint32_t>(entropy())};
};

}  // namespace volley::runtime
