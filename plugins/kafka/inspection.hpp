// What a consumer reports about its store without being a member of the group.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "browser.hpp"
#include "consumer_instance.hpp"

namespace volley::kafka {

// Requires: the instance is open. Thread: one at a time.
class Inspection {
public:
    explicit Inspection(const ConsumerInstance& instance) : instance_(instance) {}

    // Created by the first call.
    Browser& browser();
    // Names the cluster and the group: each group has its own committed offsets. Throws Error{unsupported}.
    const std::string& identity();
    // Waits up to `timeout_ms` for a broker. Throws Error{retry}.
    void check(std::uint32_t timeout_ms) const;

private:
    const ConsumerInstance& instance_;
    std::unique_ptr<Browser> browser_;
    std::string identity_;  // empty: not requested yet
};

}  // namespace volley::kafka
