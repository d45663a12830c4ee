// The partitions that are assigned to this consumer, and the core's lane for each. A store without partitions
// has one lane, which is always assigned. Calls no plugin. Thread: intake.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/delivery.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

struct Assignment {
    std::string source;                 // the topic
    const void* source_data = nullptr;  // the plugin's pointer to it; the same for the same source
    std::int32_t partition = -1;
    std::uint32_t epoch = 0;
    delivery::Lane lane = 0;
};

// Returns the partition as the consumer's calls take it. Borrows the assignment's source.
volley_partition partition_of(const Assignment& assignment, std::int64_t offset);

class Assignments {
public:
    explicit Assignments(delivery::Delivery& core) : core_(core) {}

    // For a store without partitions: opens the one lane for all messages.
    void use_one_lane();
    // Opens a lane for a partition. If the partition is already assigned, its previous lane ends: the
    // messages of that lane are released, and their settlements do not count in the new lane.
    const Assignment& assign(const volley_partition& partition);
    // Returns the assignment of a partition, or null.
    const Assignment* find(std::string_view source, std::int32_t partition) const;
    // Ends the lane of an assignment and removes it. Does nothing if it has already ended.
    void end(const Assignment& assignment);

    // Returns the lane of a message. Returns null if its partition is not assigned now, or was assigned anew
    // after the message was fetched; then the message must not reach the core. Valid until the next change.
    const delivery::Lane* lane_of(const volley_message& message);
    // Returns the assignment that has the lane, or null. Valid until the next change.
    const Assignment* of_lane(delivery::Lane lane) const;
    const std::vector<Assignment>& all() const { return all_; }
    // Returns whether any partition has been assigned so far. A store without partitions counts as assigned.
    bool was_assigned() const { return was_assigned_; }

private:
    delivery::Delivery& core_;
    std::vector<Assignment> all_;
    std::size_t last_ = 0;  // index of the assignment of the last message
    bool one_lane_ = false;
    bool was_assigned_ = false;
};

}  // namespace volley::runtime
