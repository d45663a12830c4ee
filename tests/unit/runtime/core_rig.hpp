// The core of a component and the state around it, without threads, workers or connectors: a test receives
// messages, acts as the worker, and checks what the core wants to settle.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "log/log.hpp"
#include "runtime/assignments.hpp"
#include "runtime/pipeline.hpp"

namespace rig {

using namespace volley;
using delivery::Slot;

inline delivery::Options unordered() {
    delivery::Options options;
    options.order = delivery::Order::none;
    return options;
}

inline delivery::Options of_log() {
    delivery::Options options = unordered();
    options.log = true;
    return options;
}

inline volley_partition partition(const char* source, std::int32_t number, std::uint32_t epoch = 1) {
    volley_partition p{};
    p.source = volley_text(source);
    p.partition = number;
    p.epoch = epoch;
    p.offset = -1;
    return p;
}

struct Core {
    explicit Core(const delivery::Options& options = unordered()) : core(options), assignments(core) {
        log::configure(log::Level::off, log::Format::text);
        pipeline.config.name = "move";
        pipeline.input.name = "in";
    }

    // Receives a message and fills its slot, as the Receiver does.
    Slot receive(std::uint64_t handle, delivery::Lane lane, std::int64_t offset = -1,
                 std::uint32_t bytes = 1) {
        delivery::Incoming incoming;
        incoming.handle = handle;
        incoming.lane = lane;
        incoming.offset = offset;
        incoming.bytes = bytes;
        const Slot slot = core.receive(incoming);
        pipeline.contexts.grow_to(slot);
        volley_message message{};
        message.handle = handle;
        pipeline.contexts[slot].arrive(message, 0, 0);
        pipeline.contexts[slot].begin();
        return slot;
    }
    // Takes the ready messages, as a worker does. Returns them.
    std::vector<delivery::WorkItem> take(std::uint32_t most = 10'000) {
        std::vector<delivery::WorkItem> items(most);
        items.resize(core.take(items.data(), most, 0));
        return items;
    }
    void handled(Slot slot, delivery::Verdict verdict = delivery::Verdict::ok, std::uint32_t outputs = 0,
                 delivery::Instant now = {}) {
        core.handled(slot, verdict, outputs, 0, delivery::Millis(0),
                     verdict == delivery::Verdict::ok ? 0 : std::uint32_t{VOLLEY_REASON_HANDLER_FAIL}, now);
    }
    // Receives a message and handles it. It has no outputs, so it is done.
    Slot done(std::uint64_t handle, delivery::Lane lane, std::int64_t offset = -1) {
        const Slot slot = receive(handle, lane, offset);
        take();
        handled(slot);
        return slot;
    }
    std::vector<delivery::Settlement> settlements() {
        std::vector<delivery::Settlement> all;
        core.take_settlements(all);
        return all;
    }

    runtime::Pipeline pipeline;
    delivery::Delivery core;
    runtime::Assignments assignments;
};

}  // namespace rig
