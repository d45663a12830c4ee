// Atomic commits from queue "q" to queue "out" of the same Redis.
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

// Commits through a proxy. `in` sends to "q" without it.
struct Committing {
    RsmqRig rig;
    Proxy proxy{rig.port()};
    std::string config = "{\"port\": " + std::to_string(proxy.port()) + "}";
    plugins::Producer in = rig.producer();
    plugins::Consumer consumer = rig.Rig::consumer("q", config);
    plugins::Producer out = rig.Rig::producer("out", config);
    AtomicCommit commit{out};
};

// Returns the bodies in a queue, in the order in which they will be received, separated by commas.
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

// A commit that was posted. Its outputs are the bodies of its messages with a prefix.
struct PostedCommit {
    PostedCommit(const AtomicCommit& c, plugins::Consumer& from, const std::vector<Received>& messages)
        : commit(c), consumer(from), acks(acks_of(messages)) {
        for (const Received& m : messages) outputs.add("out of " + *m.body);
        commit.post(consumer, outputs, acks);
    }
    PostedCommit(const PostedCommit&) = delete;
    PostedCommit& operator=(const PostedCommit&) = delete;
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
