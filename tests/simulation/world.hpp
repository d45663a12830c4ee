// What survives a crash in the simulation: the messages and what the stores know of them. The promises that
// can be checked where the data is are checked here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fibers.hpp"
#include "hostility.hpp"
#include "random.hpp"
#include "volley/config.hpp"

namespace simulation {

// What a seed chooses before anything runs.
struct Scenario {
    bool log = false;      // the input has partitions and offsets; else it is a queue
    bool forward = false;  // no handler
    bool codec = false;    // bodies are decoded, and the key is inside
    bool has_dead_letters = false;
    bool transactions = false;
    bool posts = false;           // … one may be on its way while another is posted
    bool interrupt = false;       // the consumer has it
    bool polled_outputs = false;  // producers report from poll, flush and close only
    bool ordered_outputs = false;
    bool drops_repeats = false;  // outputs know a record's id
    bool identity = false;
    bool keeps_groups = false;  // the handler takes several messages of a group in a call
    bool thread_safe = false;   // one handler for all workers
    bool pends = false;         // the handler finishes jobs from other threads
    bool is_async = false;      // … and each message completes on its own
    bool polls = false;         // … from inside of its poll
    bool calm = false;     // nothing fails, and all that happens is a clean stop: it must duplicate nothing
    bool reloads = false;  // the configuration is in a file that changes
    double failure_rate = 0.1;
    int queues = 1;  // outputs of the component
    std::int64_t lease_ms = 0;
    volley::ComponentConfig component;
    std::string name() const;
    // Does a message that fails for good stop the component?
    bool may_stop() const;
};

struct Message {
    int number = 0;
    std::string body;
    std::uint64_t key = 0;  // 0: none
    int partition = 0;
    std::int64_t offset = 0;
    int outputs = 1;
    std::size_t output_bytes = 0;
    int failures_left = 0;   // of the handler
    bool poison = false;     // its handler always fails
    bool permanent = false;  // … for good
    bool unwanted = false;   // its handler says drop
    bool refused = false;    // no transaction can store it

    std::vector<int> stored;       // copies, by output
    std::vector<std::string> ids;  // of the outputs, as first seen
    std::string dead_id;
    int dead = 0;          // copies in the dead-letter queue
    bool dropped = false;  // somebody decided to, and may
    bool gone = false;     // its topic was deleted
    // Of a queue.
    bool deleted = false;
    std::uint64_t deleted_by = 0;  // the handle
    std::uint64_t taken_by = 0;    // the handle; 0 nobody
    std::int64_t visible_at_ms = 0;
    std::uint32_t deliveries = 0;

    bool is_safe() const;
};

// A partition of a log.
struct Partition {
    std::uint32_t life = 0;     // grows when the topic is made again
    std::vector<int> messages;  // of this life, in the order of their offsets
    std::int64_t end = 0;
    std::int64_t committed = 0;
    const void* owner = nullptr;  // the consumer that it is assigned to
    std::uint32_t epoch = 0;
};

class World {
public:
    World(Random& r, Fibers& f) : random(r), fibers(f) {}

    Random& random;
    Fibers& fibers;
    Scenario scenario;
    std::vector<Message> messages;
    std::vector<Partition> partitions;
    std::uint64_t next_handle = 1;
    Hostility hostility;
    bool healing = false;  // nothing fails any more
    std::int64_t outage_began_ms = -1;
    std::int64_t outage_ends_ms = -1;  // until then every handler fails
    std::uint64_t given_up_in_outage = 0;
    std::uint64_t reloads_in_outage = 0;  // each may bring a component whose breaker is closed
    std::optional<std::string> broken;
    int traced = -1;  // the message whose events are printed; -1 none

    bool fails(double probability) { return !healing && chance(random, probability); }
    bool injects_failure(double share = 1.0) { return fails(scenario.failure_rate * share); }
    bool is_outage() const { return fibers.now_ms() < outage_ends_ms; }
    void fault(const std::string& what) {
        if (!broken) broken = what;
    }
    void trace(int message, const std::string& event) const;

    void make(std::uint64_t seed);
    // A message that the topic gets later.
    void add_message(int partition);

    // An output, or a dead letter, is stored. `id` is the record's.
    void store(int message, int output, std::string_view id);
    void store_dead_letter(int message, std::string_view body, std::string_view id);
    void commit(int partition, std::uint32_t life, std::int64_t offset);
    // A queue's message is acked.
    void acked(int message);
    // A message was given up that failed in the outage, and was first tried in it. Only some may be: those
    // that open the breaker, and those that are tried while it is open.
    void given_up();
    // The topic is deleted and made again, with new messages.
    void recreate(int partition);
    bool everything_is_safe() const;
    std::string describe_unsafe() const;

private:
    void suit(Breach breach);
    void check_first(const Message& m, int output);
};

// Reads {"n":12,…}; -1: it is not one of ours.
int number_of(std::string_view body);
// Reads {…,"o":3,…}; `otherwise` if there is none.
int output_of(std::string_view body, int otherwise);

}  // namespace simulation
