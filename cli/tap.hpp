// `volley tap`: some of the messages that pass through a component of a running engine, as they pass.
#pragma once

#include <cstdint>
#include <string>

namespace volley::cli {

struct Tap {
    std::string address;  // "HOST:PORT"; empty: the configuration's
    std::string component;
    std::uint64_t per_second = 10;  // messages at most
    std::uint64_t every = 1;        // of so many messages, one
    std::uint64_t count = 0;        // end after so many; 0: never
    std::string only;               // "in", "out", "dead"; empty: all
    bool json = false;              // one object a message
};

// Prints messages until an interrupt, and then a summary to standard error. Returns the exit code.
int tap(const std::string& config_file, const Tap& options);

}  // namespace volley::cli
