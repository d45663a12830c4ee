// Queue "q", and "out" of the same Redis, with the commit that they have in common.
#pragma once

#include <vector>

#include "server.hpp"

namespace volley::test {

struct Atomic {
    explicit Atomic(RsmqRig& rig)
        : in(rig.producer()), consumer(rig.consumer()), out(rig.producer("out")), functions(out) {}
    std::int32_t commit(const std::vector<Received>& messages, const Outgoing& outputs) {
        settlements = acks_of(messages);
        return functions(consumer, outputs, settlements);
    }
    plugins::Producer in;
    plugins::Consumer consumer;
    plugins::Producer out;
    AtomicCommit functions;
    std::vector<volley_settlement> settlements;
};

}  // namespace volley::test
