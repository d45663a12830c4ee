// Monotonic time.
#pragma once

#include <chrono>
#include <cstdint>

namespace volley::kafka {

inline std::int64_t now_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace volley::kafka
