// What an atomic commit needs of the consumer whose deliveries it acks.
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
    // The queues into which a commit may store: those of the producers that joined this consumer.
    std::vector<OutputQueue*> outputs;
};

}  // namespace volley::rsmq
