// volley.inspect/1 for both classes.
#pragma once

#include <chrono>

#include "page.hpp"

namespace volley::postgresql {

// The state that an instance keeps for it.
struct Inspection {
    Page page;  // the messages that peek and find lend
    // Counting a long queue takes a while, and the engine asks often: the last answer is reused for some
    // time.
    volley_stats counted{};
    Clock::time_point counted_until{};
};

const void* inspect_consumer();
const void* inspect_producer();

}  // namespace volley::postgresql
