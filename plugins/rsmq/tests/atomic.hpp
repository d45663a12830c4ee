// Queue "q", and "out" of the same Redis, with the commit that they have in common.
#pragma once

#include <vector>

#include "proxy.hpp"

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

// From "q" to "out", both behind a proxy; `in` fills "q" past it.
struct Committing {
    RsmqRig rig;
    Proxy proxy{rig.port()};
    std::string config = "{\"port\": " + std::to_string(proxy.port()) + "}";
    plugins::Producer in = rig.producer();
    plugins::Consumer consumer = rig.Rig::consumer("q", config);
    plugins::Producer out = rig.Rig::producer("out", config);
    AtomicCommit commit{out};
};

// The bodies in a queue, in the order in which they will be received, with commas between.
inline std::string stored(const RsmqRig& rig, const std::string& queue = "out") {
    return rig.command(
        {"EVAL",
         "local out = {} for i, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do out[i] = "
         "redis.call('HGET', KEYS[1] .. ':Q', id) end return table.concat(out, ', ')",
         "1", "rsmq:" + queue});
}

// Sends "0", "1", … to "q".
inline void send_numbers(Atomic& atomic, int count) {
    Outgoing many;
    for (int i = 0; i < count; ++i) many.add(std::to_string(i));
    REQUIRE(send(atomic.in, many) == static_cast<std::uint32_t>(count));
}

// A commit that is on its way.
struct Posted {
    Posted(const AtomicCommit& c, plugins::Consumer& from, const std::vector<Received>& messages)
        : commit(c), consumer(from), acks(acks_of(messages)) {
        for (const Received& m : messages) outputs.add("out of " + *m.body);
        commit.post(consumer, outputs, acks);
    }
    Posted(const Posted&) = delete;
    Posted& operator=(const Posted&) = delete;
    std::int32_t outcome(std::uint32_t timeout_ms = 10'000) {
        return commit.outcome(consumer, outputs, acks, timeout_ms);
    }
    std::int32_t again() { return commit(consumer, outputs, acks); }

    const AtomicCommit& commit;
    plugins::Consumer& consumer;
    Outgoing outputs;
    std::vector<volley_settlement> acks;
};

}  // namespace volley::test
