// What the status of a plugin's function means when it is not the one that the caller hoped for.
#pragma once

#include <cstdint>
#include <string>

#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::plugins {

// An error of the ABI, VOLLEY_E_RETRY to VOLLEY_E_UNSUPPORTED?
inline bool is_error_status(std::int32_t status) {
    return status <= VOLLEY_E_RETRY && status >= VOLLEY_E_UNSUPPORTED;
}

// An error status as a text for a log: "VOLLEY_E_RETRY", "VOLLEY_AGAIN, which the ABI does not allow there",
// "the status 99, which the ABI does not define".
std::string describe(std::int32_t status);

// The error of a call that returned `status`, with the plugin's text: "label: why". A status that the ABI
// does not define for the call is ErrorCode::fatal, and the text says which it was. Requires: the status is
// none that the caller takes for a success.
Error error_of(const std::string& label, const char* call, std::int32_t status, const volley_error& error);

// The same for a result that a call set for one message. It carries no text.
Error error_of_result(const std::string& label, const char* call, std::int32_t result);

}  // namespace volley::plugins
