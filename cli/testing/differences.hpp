// Compares what a component did with what a test expects. Pure.
#pragma once

#include <string>
#include <vector>

#include "testing/events.hpp"
#include "testing/test_case.hpp"

namespace volley::cli::testing {

// One thing that is not as expected. Both sides are lines of text.
struct Difference {
    Mark mark;  // where it is expected in the test file
    std::string what;
    std::vector<std::string> expected;
    std::vector<std::string> got;
};

// Empty: the test has passed. `dead_letter_queue` may be empty.
std::vector<Difference> compare(const TestCase& test, const std::string& dead_letter_queue,
                                const Events& events);

}  // namespace volley::cli::testing
