// What the status of a connector's call means to its component.
#pragma once

#include <cstdint>

#include "plugins/call_error.hpp"
#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

// A status of a call that is no error the ABI knows is a fault of the connector.
inline ErrorCode code_of(std::int32_t status) {
    return plugins::is_error_status(status) ? static_cast<ErrorCode>(status) : ErrorCode::fatal;
}

// The same call may succeed later.
inline bool is_passing(ErrorCode code) {
    return code == ErrorCode::retry || code == ErrorCode::unknown || code == ErrorCode::lost;
}

// This record, or these records, can never be stored; the connector is well.
inline bool is_refusal(ErrorCode code) {
    return code == ErrorCode::permanent || code == ErrorCode::too_large || code == ErrorCode::unsupported;
}

// No restart helps before a person has acted, or another process has ended.
inline bool needs_a_person(ErrorCode code) {
    return code == ErrorCode::config || code == ErrorCode::unauthorized || code == ErrorCode::fenced;
}

}  // namespace volley::runtime
