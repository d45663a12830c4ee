// What the status of a connector's call means for its component.
#pragma once

#include <cstdint>

#include "plugins/call_error.hpp"
#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

// A failed call whose status is not an error of the ABI is a fault of the connector: fatal.
inline ErrorCode code_of(std::int32_t status) {
    return plugins::is_error_status(status) ? static_cast<ErrorCode>(status) : ErrorCode::fatal;
}

// Whether the same call may succeed later.
inline bool is_passing(ErrorCode code) {
    return code == ErrorCode::retry || code == ErrorCode::unknown || code == ErrorCode::lost;
}

// Whether the store can never take this record, or these records, although the connector works.
inline bool is_refusal(ErrorCode code) {
    return code == ErrorCode::permanent || code == ErrorCode::too_large || code == ErrorCode::unsupported;
}

// Whether a restart is useless until a person acts or another process ends.
inline bool needs_a_person(ErrorCode code) {
    return code == ErrorCode::config || code == ErrorCode::unauthorized || code == ErrorCode::fenced;
}

}  // namespace volley::runtime
