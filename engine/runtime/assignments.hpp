// Which partitions are ours now, and which lane of the core each one is. A store without partitions has one
// lane, which is always ours. Calls no plugin. Thread: intake.
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
    const void* source_data = nullptr;  // the plugin's pointer to it: the same for the same source
    std::int32_t partition = -1;
    std::uint32_t epoch = 0;
    delivery::Lane lane = 0;
};

// Names the partition to its consumer. Borrows the assignment's source.
volley_partition partition_of(const Assignment& assignment, std::int64_t offset);

class Assignments {
public:
    explicit Assignments(delivery::Delivery& core) : core_(core) {}

    // The store has no partitions: everything is of one lane.
    void use_one_lane();
    // Opens a lane for a partition. If it was ours already, the lane it had ends: its messages are released,
    // and no settlement of theirs counts in the new lane.
    const Assignment& assign(const volley_partition& partition);
    // The assignment of a partition, or null.
    const Assignment* find(std::string_view source, std::int32_t partition) const;
    // Ends the lane of an assignment and forgets it. Does nothing if it was ended already.
    void end(const Assignment& assignment);

    // The lane of a message, or null if its partition is not ours now, or was not when the message was
    // fetched: then the message must not touch the core. Valid until the next change.
    const delivery::Lane* lane_of(const volley_message& message);
    // Who has that lane, or null. Valid until the next change.
    const Assignment* of_lane(delivery::Lane lane) const;
    const std::vector<Assignment>& all() const { return all_; }
    // Was any partition assigned so far? A store without partitions counts as assigned.
    bool was_assigned() const { return was_assigned_; }

private:
    delivery::Delivery& core_;
    std::vector<Assignment> all_;
    std::size_t last_ = 0;  // where the last message's was
    bool one_lane_ = false;
    bool was_assigned_ = false;
};

}  // namespace volley::runtime
