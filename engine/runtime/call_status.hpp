// What the status of a connector's call means to its component.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/clock.hpp"
#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

// A status of a call that is no error the ABI knows is a fault of the connector.
inline ErrorCode code_of(std::int32_t status) {
    const bool known = status <= VOLLEY_E_RETRY && status >= VOLLEY_E_UNSUPPORTED;
    return known ? static_cast<ErrorCode>(status) : ErrorCode::fatal;
}

// The same call may succeed later.
inline bool is_passing(ErrorCode code) {
    return code == ErrorCode::retry || code == ErrorCode::unknown || code == ErrorCode::lost;
}

// This record, or these records, can never be stored; the connector is well.
inline bool is_refusal(ErrorCode code) {
    return code == ErrorCode::permanent || code == ErrorCode::too_large || code == ErrorCode::unsupported;
}

// Which failures of a call that is repeated are worth a line in the log: the first, one with another cause,
// and one a minute.
class FailureLog {
public:
    bool is_news(const std::string& cause, delivery::Instant now) {
        constexpr delivery::Millis period{60'000};
        constexpr delivery::Millis another_after{500};
        const bool first = failures_++ == 0;
        const bool another = cause != cause_ && now - told_ >= another_after;
        if (!first && !another && now - told_ < period) return false;
        told_ = now;
        cause_ = cause;
        return true;
    }
    // In a row.
    std::uint32_t failures() const { return failures_; }
    void succeeded() { failures_ = 0; }

private:
    std::uint32_t failures_ = 0;
    delivery::Instant told_{0};
    std::string cause_;
};

}  // namespace volley::runtime
