// A plugin that works except for one call, which returns a status that the test sets; and an engine that runs
// on it. Records the calls and the results of the messages.
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
    // The status to return, and the call that returns it: "settle in", "result of settle", "produce out",
    // "handle". Applies to `times` calls, after the first `after` ones.
    std::string call;
    std::int32_t status = VOLLEY_OK;
    int after = 0;
    int times = 1 << 30;

    // The capabilities of the plugin.
    bool log = false;  // with partitions
    bool leases = false;
    bool atomic = false;
    bool posts = false;    // atomic, in a pipeline
    bool handler = false;  // otherwise the component forwards
    bool pending = false;  // the handler finishes its messages later
    int max_in_flight = 100;
    int messages = 20;
    std::string hold;  // no report comes before `hold_times` of these calls; empty: poll reports at once
    int hold_times = 3;

    std::mutex mutex;
    std::map<std::string, int> calls;
    std::set<std::uint64_t> waiting;  // numbers of the messages to deliver
    std::set<std::uint64_t> open;     // delivered, not settled
    std::set<std::uint64_t> acked;    // on a log: no longer open
    std::set<std::uint64_t> lost;     // taken back by the store
    std::set<std::uint64_t> nacked;
    std::set<std::uint64_t> released;
    std::int64_t committed = -1;
    int sent = 0, dead_letters = 0;
    std::size_t acked_at_answer = 0;  // when the status was first returned
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
    std::string why;  // why the component ended
};

// Runs an engine until every message is done or the engine ends by itself. Only one run at a time.
Ended run(Store& store);

}  // namespace answers
