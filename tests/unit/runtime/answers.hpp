// A plugin that is well but for one function, which answers with the status that a test sets; and an engine
// that runs on it. What the functions were called for, and what became of the messages, can be read.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "volley/plugin.h"

namespace answers {

// One run of an engine: component `move` from queue `in` to queue `out`, with the dead-letter queue `dead`.
struct Store {
    // What to answer, and to which call: "settle in", "result of settle", "produce out", "handle". From the
    // call after `after` on, `times` times.
    std::string call;
    std::int32_t status = VOLLEY_OK;
    int after = 0;
    int times = 1 << 30;

    // What the plugin offers.
    bool log = false;  // with partitions
    bool leases = false;
    bool atomic = false;
    bool posts = false;    // … in a pipeline
    bool handler = false;  // else the component forwards
    bool pending = false;  // … a handler that finishes its messages later
    int max_in_flight = 100;
    int messages = 20;
    std::string
        hold;  // no report comes before this call has come `hold_times` times; empty: from poll at once
    int hold_times = 3;  // … it

    std::mutex mutex;
    std::map<std::string, int> calls;
    std::set<std::uint64_t> waiting;  // messages, by number: to be delivered
    std::set<std::uint64_t> open;     // delivered, and not settled
    std::set<std::uint64_t> acked;    // on a log: only closed
    std::set<std::uint64_t> lost;     // which the store took away
    std::set<std::uint64_t> nacked;
    std::set<std::uint64_t> released;
    std::int64_t committed = -1;
    int sent = 0, dead_letters = 0;
    std::size_t acked_at_answer = 0;  // when the status was answered first
    std::int64_t committed_at_answer = -1;
    std::vector<std::string> broken;  // rules that the engine broke

    int count(const std::string& name) {
        const std::lock_guard lock(mutex);
        return calls[name];
    }
    bool is_done();
};

struct Ended {
    int code = -1;
    std::string why;  // of the component's end
};

// Runs an engine until every message is done, or it ends by itself. One at a time.
Ended run(Store& store);

}  // namespace answers
