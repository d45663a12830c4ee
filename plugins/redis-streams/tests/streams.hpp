// Consumers and producers of redis-streams.so, with a Redis of the test's own.
#pragma once

#include "server.hpp"

namespace volley::test {

struct StreamsRig : RedisServer, Rig {
    StreamsRig() : Rig("redis-streams.so") {}

    // A configuration for this server; `more` begins with a comma.
    std::string config(const std::string& more = "") const {
        return "{\"port\": " + std::to_string(port()) + more + "}";
    }
    plugins::Consumer consumer(const std::string& more = "") {
        return Rig::consumer("s", config(", \"group\": \"g\"" + more));
    }
    plugins::Producer producer(const std::string& more = "") { return Rig::producer("s", config(more)); }

    // How many messages of the group are pending.
    std::string pending() const {
        const std::string summary = command({"XPENDING", "s", "g"});
        return summary.substr(0, summary.find(' '));
    }
    std::string length() const { return command({"XLEN", "s"}); }
    // The owner of the only pending message.
    std::string owner() const {
        const std::string row = command({"XPENDING", "s", "g", "-", "+", "1"});
        const std::size_t space = row.find(' ');
        return row.substr(space + 1, row.find(' ', space + 1) - space - 1);
    }
    // Makes a pending message look as if its consumer had died a while ago.
    void abandon(const std::string& id) const {
        command({"XCLAIM", "s", "g", owner(), "0", id, "IDLE", "40000", "JUSTID"});
    }
};

}  // namespace volley::test
