// Trims the stream that a producer adds to, and warns where that loses messages or has no effect.
#pragma once

#include <chrono>

#include "connection.hpp"
#include "scripts.hpp"
#include "volley/abi.hpp"

namespace volley::streams {

// Used by one thread.
class Trimming {
public:
    // Borrows both.
    Trimming(const Context& context, Connection& connection) : context_(context), connection_(connection) {}

    // Trims, if maxlen is configured. A failure is logged: the messages were added nevertheless.
    void trim();

private:
    void warn(const std::string& text);

    const Context& context_;
    Connection& connection_;
    Script script_{trim_script};
    std::chrono::steady_clock::time_point next_warning_{};
};

}  // namespace volley::streams
