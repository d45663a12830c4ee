// What the consumer calls when partitions come and go. Thread: intake, within the consumer's own calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "runtime/feed.hpp"
#include "runtime/intake_context.hpp"
#include "runtime/settling.hpp"

namespace volley::runtime {

class PartitionListener {
public:
    PartitionListener(IntakeContext& context, Settling& settling, Feed& feed)
        : context_(context), settling_(settling), feed_(feed) {}
    PartitionListener(const PartitionListener&) = delete;
    PartitionListener& operator=(const PartitionListener&) = delete;

    // Gives the input its listener, which it borrows until it is closed. Call it before the input is opened,
    // on the thread that will call the input.
    void attach();
    // The consumer called from another thread what only the intake thread may call.
    bool was_misused() const { return misused_.load(std::memory_order_acquire); }

private:
    void assigned(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride);
    void revoked(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride, bool lost);
    void drain(const std::vector<Assignment>& gone);
    bool may_announce(const char* event);
    void misuse(const std::string& what);

    IntakeContext& context_;
    Settling& settling_;
    Feed& feed_;
    volley_partition_events events_{};
    std::thread::id thread_;   // the one that called attach()
    bool in_revoked_ = false;  // a drain is in progress inside a call of the consumer
    std::atomic<bool> misused_{false};
};

}  // namespace volley::runtime
