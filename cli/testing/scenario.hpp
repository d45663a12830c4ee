// A test while it runs: what the stores and the handler's wrapper share. There is one in a process, because
// the ABI creates instances without an argument that could carry it.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "testing/clock.hpp"
#include "testing/events.hpp"
#include "testing/test_case.hpp"

namespace volley::cli::testing {

// What the parent of the process that runs a test wants to know of one that is killed. In shared memory.
struct Progress {
    std::atomic<MessageNumber> message{0};  // in the handler; 0: none
    std::atomic<std::uint32_t> attempt{0};
};

struct Scenario {
    const TestCase& test;
    Clock& clock;
    Progress& progress;
    bool input_is_log = false;
    std::vector<std::string> bodies = {};  // of the messages, as the input's serializer wants them
    std::function<void()> finish = [] {};  // every message is settled, or the time is over
    Events events = {};
};

// Set before the engine is made, and null after it is gone.
extern Scenario* scenario;

}  // namespace volley::cli::testing
