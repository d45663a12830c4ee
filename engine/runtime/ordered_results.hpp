// The messages that a worker has started and not handed on: each has a place, and its result waits for those
// before it in its ordering group. Pure. Owned by the worker's thread.
//
// Invariants: each message that is added comes out of end() exactly once. Those of a group come out in the
// order in which they were added, in whichever order they end. A place is free again when its message is out.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "runtime/pass_results.hpp"
#include "runtime/pending_calls.hpp"

namespace volley::runtime {

struct OrderedResult {
    delivery::WorkItem item;
    HandlerResult result;
};

class OrderedResults {
public:
    // A message starts, behind those of its group. Returns its place.
    Place add(const delivery::WorkItem& item);
    // The message has ended: appends those that are to be handed on now, which may be none.
    void end(Place place, const HandlerResult& result, std::vector<OrderedResult>& out);

    const delivery::WorkItem& operator[](Place place) const { return started_[place].item; }
    std::uint32_t size() const { return used_; }
    // Whether a message of this group is in it. Of those without a group none ever counts.
    bool has(delivery::OrderingGroup group) const {
        return group != delivery::no_group && last_of_.count(group) > 0;
    }

private:
    static constexpr Place none = ~Place{0};
    struct Started {
        delivery::WorkItem item;
        HandlerResult result;
        Place before = none;  // in its group
        Place after = none;
        bool has_ended = false;
    };

    Place take_place();
    void remove(Place place);

    std::vector<Started> started_;  // by place
    std::vector<Place> free_;
    std::uint32_t used_ = 0;
    std::unordered_map<delivery::OrderingGroup, Place> last_of_;  // the last one of each group
};

}  // namespace volley::runtime
