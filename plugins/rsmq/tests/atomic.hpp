// A consumer and a producer of one Redis, and the commit that they have in common.
#pragma once

#include <vector>

#include "server.hpp"

namespace volley::test {

struct Atomic {
    explicit Atomic(RsmqRig& rig) : in(rig.producer()), consumer(rig.consumer()), out(rig.producer("out")) {
        functions = static_cast<const volley_ext_atomic*>(out.extension(VOLLEY_EXT_ATOMIC));
        REQUIRE(functions != nullptr);
    }
    std::int32_t commit(const std::vector<Received>& messages, const Outgoing& outputs) {
        settlements.clear();
        for (const Received& m : messages) {
            volley_settlement s{};
            s.handle = m.handle;
            settlements.push_back(s);
        }
        volley_transaction t{};
        t.struct_size = sizeof t;
        t.record_size = sizeof(volley_record);
        t.records = outputs.records.data();
        t.record_count = static_cast<std::uint32_t>(outputs.records.size());
        t.settlements = settlements.data();
        t.settlement_count = static_cast<std::uint32_t>(settlements.size());
        t.settlement_size = sizeof(volley_settlement);
        return functions->commit(out.get(), consumer.get(), &t, nullptr);
    }
    plugins::Producer in;
    plugins::Consumer consumer;
    plugins::Producer out;
    const volley_ext_atomic* functions;
    std::vector<volley_settlement> settlements;
};

}  // namespace volley::test
