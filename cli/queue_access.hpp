// What the commands share: exit codes, and a queue by its name.
#pragma once

#include <string>

#include "volley/config.hpp"
#include "volley/error.hpp"

namespace volley::cli {

inline constexpr int exit_ok = 0;
inline constexpr int exit_usage = 64;
inline constexpr int exit_data = 65;
inline constexpr int exit_unavailable = 69;
inline constexpr int exit_cannot_create = 73;  // a file or folder cannot be written
inline constexpr int exit_output = 74;         // standard output cannot be written
inline constexpr int exit_no_permission = 77;
inline constexpr int exit_unmet = 1;        // a required guarantee does not hold
inline constexpr int exit_some_failed = 1;  // done, but some items failed
inline constexpr int exit_config = 78;

// The queue of this name, or null after saying what there is.
const QueueConfig* require_queue(const Config& config, const std::string& name);

// Prints the error and returns its exit code.
int report(const Error& error);

}  // namespace volley::cli
