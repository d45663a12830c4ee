// The wall between the engine and a plugin's functions. No exception may leave a plugin; one that does counts
// as the plugin's failure. Every call of a function in a plugin's table goes through walled().
#pragma once

#include <cstdint>
#include <exception>
#include <type_traits>

#include "volley/abi.hpp"
#include "volley/plugin.h"

namespace volley::plugins {

// Returns an error for a plugin to fill in.
inline volley_error empty_error() {
    volley_error error{};
    error.struct_size = sizeof error;
    return error;
}

// Returns the status of `call`, or VOLLEY_OK if it returns nothing. If an exception leaves it, returns
// VOLLEY_E_FATAL, with the text in `error`.
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
