// The stores of a test: the input has the given messages, and outputs keep what they get. They take the place
// of the component's connectors behind the plugin ABI.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "volley/plugin.h"

namespace volley::cli::testing {

// Flags of output stores that are not those of a known connector.
inline constexpr std::uint64_t carries =
    VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS | VOLLEY_CAN_DELAY | VOLLEY_CAN_TOMBSTONE | VOLLEY_ORDERED;

// A plugin with a class for each queue, because queues differ in what they can carry.
class Stores {
public:
    Stores() = default;
    Stores(const Stores&) = delete;
    Stores& operator=(const Stores&) = delete;

    // Each returns what a queue of the configuration has as its `consumer` or `producer`.
    std::string add_input(std::uint64_t flags);
    std::string add_output(std::uint64_t flags);

    static constexpr const char* name = "volley-test";
    // Valid until the next add, and as long as this.
    const volley_plugin* plugin();

private:
    std::string add(std::uint32_t kind, std::uint64_t flags, const void* functions);

    std::deque<std::string> names_;
    std::deque<volley_class> classes_;
    std::vector<const volley_class*> list_;
    volley_plugin plugin_{};
};

}  // namespace volley::cli::testing
