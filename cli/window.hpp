// A period of time, as two options give it.
#pragma once

#include <optional>
#include <string>

#include "queues/times.hpp"

namespace volley::cli {

struct Window {
    std::string from;  // empty: none is asked for
    std::string to;    // empty: now
};

// Returns the period; its end is not after now. Says what is wrong, and returns nothing.
std::optional<queues::Times> read_window(const Window& window);

}  // namespace volley::cli
