// The wall between the engine and a plugin's function: no exception may leave it, and one that does is the
// plugin's failure. Whoever calls a function of a table that a plugin gave calls it through this.
#pragma once

#include <cstdint>
#include <exception>
#include <type_traits>

#include "volley/abi.hpp"
#include "volley/plugin.h"

namespace volley::plugins {

// An error for a plugin to fill in.
inline volley_error empty_error() {
    volley_error error{};
    error.struct_size = sizeof error;
    return error;
}

// Returns the status of `call`, or VOLLEY_OK if it has none; VOLLEY_E_FATAL, with the text in `error`, if an
// exception left it.
template <typename Call>
std::int32_t walled(volley_error& error, Call&& call) {
    try {
        if constexpr (std::is_void_v<decltype(call())>) {
            call();
            return VOLLEY_OK;
        } else {
            return call();
        }
    } catch (const std::exception& e) {
        return volley_fail(&error, VOLLEY_E_FATAL, e.what());
    } catch (...) {
        return volley_fail(&error, VOLLEY_E_FATAL, "an exception that is no std::exception left the plugin");
    }
}

}  // namespace volley::plugins
