#include "runtime/retrying.hpp"

#include <algorithm>

#include "runtime/schedule.hpp"
#include "volley/view.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis period{1000};
constexpr std::size_t most_listed = 10;
constexpr std::size_t most_timers = 10'000;  // of which the earliest are found

struct Found {
    delivery::Instant due{0};
    delivery::Slot slot = delivery::no_slot;
};

const char* waits_for(delivery::State state) {
    switch (state) {
        case delivery::State::backing_off:
            return "handler";
        case delivery::State::resend_wait:
            return "output";
        case delivery::State::dead_letter_wait:
            return "dead_letter_queue";
        default:
            return nullptr;
    }
}

}  // namespace

bool Retrying::look(const delivery::Delivery& core, const Pipeline& pipeline, const Assignments& assignments,
                    delivery::Instant now) {
    if (now < next_look_ || (!core.has_timers() && list_.empty())) return false;
    next_look_ = now + period;
    std::vector<Found> found;
    core.for_each_timer(most_timers, [&](delivery::Slot slot, delivery::Instant due) {
        if (waits_for(core.entry(slot).state) != nullptr) found.push_back({due, slot});
    });
    const std::size_t count = std::min(found.size(), most_listed);
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end(),
                      [](const Found& a, const Found& b) { return a.due < b.due; });
    const std::int64_t unix_now = unix_ms();
    list_.clear();
    for (std::size_t i = 0; i < count; ++i) {
        const delivery::Entry& entry = core.entry(found[i].slot);
        const MessageContext& context = pipeline.contexts[found[i].slot];
        RetryingSnapshot& one = list_.emplace_back();
        one.message = entry.offset >= 0 ? std::to_string(entry.offset)
                                        : std::string(text_of(context.message.id).substr(0, 100));
        const Assignment* const assignment = assignments.of_lane(entry.lane);
        if (assignment != nullptr) one.partition = assignment->partition;
        one.waits_for = waits_for(entry.state);
        one.attempt = entry.attempt;
        one.next_try_seconds = static_cast<double>(unix_now + (found[i].due - now).count()) / 1000;
        one.error = context.last_error.substr(0, 300);
    }
    return true;
}

}  // namespace volley::runtime
