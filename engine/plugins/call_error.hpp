// Turns the status of a plugin's function that is not a success into an Error.
#pragma once

#include <cstdint>
#include <string>

#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::plugins {

// Returns whether the status is an error of the ABI: VOLLEY_E_RETRY to VOLLEY_E_UNSUPPORTED.
inline bool is_error_status(std::int32_t status) {
    return status <= VOLLEY_E_RETRY && status >= VOLLEY_E_UNSUPPORTED;
}

// Returns the status as text for a log: "VOLLEY_E_RETRY", "VOLLEY_AGAIN, which the ABI does not allow there",
// "the status 99, which the ABI does not define".
std::string describe(std::int32_t status);

// Returns the error of a call that returned `status`, with the plugin's text: "label: why". If the ABI does
// not define the status for the call, the code is ErrorCode::fatal and the text names the status. Requires:
// the status is not one that the caller takes for success.
Error error_of(const std::string& label, const char* call, std::int32_t status, const volley_error& error);

// The same for a result that a call sets for one message. It has no text.
Error error_of_result(const std::string& label, const char* call, std::int32_t result);

}  // namespace volley::plugins
