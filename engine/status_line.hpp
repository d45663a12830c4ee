// What a terminal shows of the engine: a banner at the start, and one line that follows how it goes. Thread:
// one.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/schedule.hpp"
#include "runtime/snapshot.hpp"
#include "volley/config.hpp"

namespace volley {

// Returns whether standard error is a terminal that can rewrite a line.
bool is_for_a_terminal();

// Returns the lines that say what runs. `address`: of the dashboard; empty: none.
std::string banner(const std::string& file, const Config& config, const std::string& address);

class StatusLine {
public:
    // Returns the line; it fits into `columns`. Call it about once a second.
    std::string turn(const runtime::EngineSnapshot& snapshot, runtime::Nanoseconds now, std::size_t columns);
    // Returns the width of the terminal; 80 if it does not say.
    static std::size_t columns();

private:
    std::uint64_t finished_ = 0;  // messages, at the last turn
    runtime::Nanoseconds at_{0};
};

}  // namespace volley
