// volley.inspect/1 for both classes.
#pragma once

#include <chrono>

#include "page.hpp"

namespace volley::postgresql {

// What an instance keeps for it.
struct Inspection {
    Page page;  // what peek and find lend
    // Counting a long queue takes a while, and the engine asks often: then the last answer is given for some
    // time.
    volley_stats counted{};
    Clock::time_point counted_until{};
};

const void* inspect_consumer();
const void* inspect_producer();

}  // namespace volley::postgresql
