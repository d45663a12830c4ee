// The parts of a consumer that an atomic commit of its deliveries needs.
#pragma once

#include <vector>

#include "deliveries.hpp"
#include "pipeline.hpp"

namespace volley::rsmq {

class OutputQueue;

// Borrows all.
struct CommitInput {
    Pipeline& pipeline;
    Deliveries& deliveries;
    // The queues into which a commit may store, which are those of the producers that joined this consumer.
    std::vector<OutputQueue*> outputs;
};

}  // namespace volley::rsmq
