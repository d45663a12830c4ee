// The real clock, at the one place where the runtime reads it.
#pragma once

#include <chrono>

#include "delivery/types.hpp"

namespace volley::runtime {

// Monotonic: what timers and the core use.
inline delivery::Instant now() {
    return std::chrono::duration_cast<delivery::Instant>(std::chrono::steady_clock::now().time_since_epoch());
}

// Unix time in ms: only for people and headers, never for a decision.
inline std::int64_t unix_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace volley::runtime
