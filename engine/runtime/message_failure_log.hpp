// Logs one line for each failed message, with the decision about it. The number of lines per period is
// limited, so that the log stays readable when everything fails. Thread: intake.
#pragma once

#include <cstdint>

#include "delivery/delivery.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

class MessageFailureLog {
public:
    explicit MessageFailureLog(const Pipeline& pipeline) : pipeline_(pipeline) {}

    // Logs the failure of an open message. Call it after the core has decided what happens to the message.
    void write(const delivery::Delivery& core, delivery::Slot slot, delivery::Instant now);

private:
    const Pipeline& pipeline_;
    delivery::Instant period_began_{0};
    std::uint32_t written_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace volley::runtime
