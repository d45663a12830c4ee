#include "runtime/in_flight.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "runtime/schedule.hpp"
#include "volley/view.hpp"

namespace volley::runtime {

namespace {

constexpr std::size_t most_in_list = 100;
constexpr std::size_t most_compared = 10'000;  // of which the oldest are found

struct Candidate {
    std::int64_t received_ms = 0;  // Unix
    delivery::Slot slot = delivery::no_slot;
};

const char* name_of(delivery::State state) {
    switch (state) {
        case delivery::State::running:
            return "running";
        case delivery::State::backing_off:
            return "backing_off";
        case delivery::State::sending:
        case delivery::State::resend_wait:
        case delivery::State::resend_queued:
            return "sending";
        case delivery::State::uncommitted:
        case delivery::State::committing:
            return "committing";
        case delivery::State::dead_letter_wait:
        case delivery::State::dead_letter_queued:
        case delivery::State::dead_lettering:
            return "dead_letter";
        case delivery::State::settling:
            return "settling";
        default:
            return "waiting";
    }
}

// Messages that only wait for their turn come last: of a long list they say least.
std::vector<Candidate> oldest_of(const delivery::Delivery& core, const Pipeline& pipeline) {
    std::vector<Candidate> begun;
    std::vector<Candidate> waiting;
    core.for_each_open([&](delivery::Slot slot, const delivery::Entry& entry) {
        auto& list = entry.state == delivery::State::waiting ? waiting : begun;
        if (list.size() < most_compared) list.push_back({pipeline.contexts[slot].received_ms, slot});
    });
    begun.insert(begun.end(), waiting.begin(), waiting.end());
    const std::size_t count = std::min(begun.size(), most_in_list);
    std::partial_sort(begun.begin(), begun.begin() + static_cast<std::ptrdiff_t>(count), begun.end(),
                      [](const Candidate& a, const Candidate& b) { return a.received_ms < b.received_ms; });
    begun.resize(count);
    return begun;
}

}  // namespace

void InFlight::look(const delivery::Delivery& core, const Pipeline& pipeline, const Assignments& assignments,
                    const LeaseKeeper& leases, ComponentStatus& status, delivery::Instant now) {
    if (!status.in_flight_wanted.load(std::memory_order_relaxed) || now < next_look_) return;
    status.in_flight_wanted.store(false, std::memory_order_relaxed);
    constexpr delivery::Millis period{1000};
    constexpr int share = 100;  // of the time at most one part
    const delivery::Instant before = runtime::now();
    const std::int64_t unix_now = unix_ms();
    auto list = std::make_shared<InFlightList>();
    list->made_seconds = static_cast<double>(unix_now) / 1000;
    list->total = core.counters().in_flight;
    for (const Candidate& candidate : oldest_of(core, pipeline)) {
        const delivery::Entry& entry = core.entry(candidate.slot);
        const volley_message& message = pipeline.contexts[candidate.slot].message;
        InFlightSnapshot& one = list->messages.emplace_back();
        one.message = entry.offset >= 0 ? std::to_string(entry.offset)
                                        : std::string(text_of(message.id).substr(0, 100));
        const Assignment* const assignment = assignments.of_lane(entry.lane);
        if (assignment != nullptr) one.partition = assignment->partition;
        one.state = name_of(entry.state);
        one.attempt = entry.attempt;
        if (entry.state == delivery::State::running) one.worker = entry.worker;
        one.received_seconds = static_cast<double>(candidate.received_ms) / 1000;
        if (message.lease_ms == 0) continue;
        const delivery::Instant received = now - delivery::Millis(unix_now - candidate.received_ms);
        const delivery::Millis left = leases.end_of(received, message.lease_ms) - now;
        one.lease_until_seconds = static_cast<double>(unix_now + left.count()) / 1000;
    }
    status.publish_in_flight(std::move(list));
    const delivery::Instant after = runtime::now();
    next_look_ = after + std::max(period, share * (after - before));
}

}  // namespace volley::runtime
