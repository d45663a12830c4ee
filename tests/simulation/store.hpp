// The model store: a plugin behind the real C ABI. Its consumers and producers do what the ABI allows, and at
// the worst moment: they fail, wait, report from other threads, lose replies, leases and partitions. It
// checks what the engine promises to a connector.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "volley/plugin.h"
#include "volley/view.hpp"
#include "world.hpp"

namespace simulation {

class Consumer;
class Producer;

using volley::element;
using volley::text_of;
using volley::view_of;

// How far a delivery is in the hands of the handler.
enum class Stage { waiting, in_handler, handled, dropped, failed, given_up };

struct Delivery {
    int message = -1;
    std::uint64_t group = 0;  // of messages that keep their order; 0 none
    Consumer* consumer = nullptr;
    std::string body;
    std::string key;
    std::string id;
    bool again = false;  // a log's message that the engine has, or has had: it ignores it
    bool asked = false;  // to settle it, perhaps in vain
    bool lost = false;   // the store has taken it back, or its partition is gone
    Stage stage = Stage::waiting;
    std::int64_t first_tried_ms = -1;
    bool failed_in_outage = false;     // its last attempt
    std::set<int> confirmed;           // outputs that a report said are stored
    std::int64_t not_before_ms = 0;    // what its handler wished
    std::uint32_t wished_attempt = 0;  // when it did
    std::int64_t lease_until_ms = 0;   // 0: no limit
};

// A job that a handler has left pending.
struct PendingJob {
    const volley_jobs* jobs = nullptr;
    volley_job* job = nullptr;
    std::uint64_t handle = 0;
    std::uint32_t attempt = 0;
    const volley_message* message = nullptr;
    std::uint32_t group = 0;
    bool is_started = true;  // false: waits for another one of its group
    bool is_polled = false;  // its handler ends it, from inside of poll
};

// A transaction on its way.
struct Posted {
    struct Record {
        int message;
        int output;
        std::string id;
    };
    std::vector<Record> records;
    std::vector<std::uint64_t> handles;
    std::vector<std::int32_t> results;  // of the acks
    bool is_done = false;               // its outcome is there
    bool is_stored = false;
    std::int32_t status = VOLLEY_OK;
};

// One incarnation of the engine: what a crash loses. Its instances outlive a crash, as a process would not;
// from then on they do nothing to the world.
struct Process {
    explicit Process(World& w) : world(w) {}
    World& world;
    bool crashed = false;
    bool reloads = false;  // its configuration has been reloaded: a component may be draining at any time
    int draining =
        0;  // above 0: a stop or a revocation is on, and the engine need not wait with what is left
    std::unordered_map<std::uint64_t, Delivery> deliveries;  // open ones, by handle
    std::unordered_map<std::uint64_t, std::vector<std::uint64_t>>
        groups;                        // open handles, in order of arrival
    std::vector<Consumer*> consumers;  // opened
    std::vector<Producer*> producers;  // opened
    std::vector<PendingJob> jobs;
    std::deque<Posted> posted;
    std::uint64_t next_group = 1;

    Delivery* find(std::uint64_t handle);
    void close(std::uint64_t handle);
    // Something that other threads of the client libraries do: a report, an outcome, the end of a job.
    void step();
    void finish_job(std::size_t index);
    void carry_out(Posted& transaction);
};

// The process that makes instances now.
extern Process* current_process;

// The plugin, under the name "sim".
const volley_plugin* plugin();
std::string consumer_class(const Scenario& scenario);
std::string producer_class(const Scenario& scenario);
std::string handler_class(const Scenario& scenario);

// What happens to the store; a running consumer finds out in its next call.
void ask_for_rebalance(Process& process, bool lost);
void expire_lease(Process& process);

// Tables, by file.
const volley_consumer_class* log_consumer(bool interrupt);
const volley_consumer_class* queue_consumer(bool interrupt);
const volley_producer_class* producer_functions(bool polled);
const volley_handler_class* handler_functions();
const volley_handler_class* polled_handler_functions();
const volley_ext_atomic* atomic_functions(bool posts);

}  // namespace simulation
