// The simulation's parts: a world that survives, a process that does not, and what happens to both.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "delivery/delivery.hpp"
#include "simulator.hpp"
#include "world.hpp"

namespace simulation {

using volley::delivery::Breaker;
using volley::delivery::Chain;
using volley::delivery::Commit;
using volley::delivery::Counters;
using volley::delivery::Delivery;
using volley::delivery::Entry;
using volley::delivery::Incoming;
using volley::delivery::Instant;
using volley::delivery::Lane;
using volley::delivery::Last;
using volley::delivery::Millis;
using volley::delivery::never;
using volley::delivery::no_chain;
using volley::delivery::no_slot;
using volley::delivery::Options;
using volley::delivery::Order;
using volley::delivery::Outcome;
using volley::delivery::Reason;
using volley::delivery::Run;
using volley::delivery::SendFailure;
using volley::delivery::Settlement;
using volley::delivery::Slot;
using volley::delivery::State;
using volley::delivery::Step;

// One incarnation of the engine: what a crash loses.
struct Process {
    struct Delivered {
        int message = -1;
        std::uint64_t chain = 0;  // identity; 0 none
        bool lost = false;        // the store has taken it back
    };
    struct Record {
        Slot slot = no_slot;
        int message = -1;
        int output = 0;
        bool dead = false;
    };
    struct Assigned {
        int partition = 0;
        Lane lane = 0;
        std::size_t position = 0;  // index within the partition
        std::uint64_t number = 0;
    };
    struct Batch {
        std::vector<Run> runs;
    };

    explicit Process(const Options& options) : core(options) {}
    Delivery core;
    std::map<std::uint64_t, Delivered> delivered;  // by handle, until closed
    std::map<Slot, std::map<int, bool>> failed;    // outputs to send again
    std::map<std::uint64_t, Instant> not_before;   // by handle: what its handler wished
    std::vector<Assigned> assigned;
    std::vector<std::deque<Batch>> workers;
    std::vector<std::map<Chain, std::uint32_t>> failed_turns;  // by worker
    std::vector<Record> records;
    std::vector<Slot> transaction;  // tried until its outcome is known
    bool transaction_done = false;  // … it is carried out, and the reply was lost
    std::map<std::uint64_t, std::vector<std::pair<std::uint64_t, Slot>>>
        chains;  // handles in order of arrival
};

class Simulator {
public:
    explicit Simulator(std::uint64_t seed) : random_(seed) {}
    Verdict run();

private:
    void make_world();
    void boot();
    void step();
    void poll();
    void poll_log();
    void poll_queue();
    void receive(int index, Lane lane, std::uint64_t lane_number);
    void dispatch();
    void check_order(const Run* runs, std::uint32_t count, const std::deque<Process::Batch>& inbox);
    void check_handled(const std::vector<Run>& batch, std::size_t index);
    bool has_passed(std::uint64_t handle, Slot slot) const;
    void work();
    void finish_batch(const Process::Batch& batch, std::map<Chain, std::uint32_t>& failed_turns);
    void report_one(std::size_t index);
    void transact();
    void store(int message, int output);
    void check_first(int message, int output);
    void begin_outage();
    void check_outage();
    void settle();
    void settle_one(const Settlement& s);
    void commit();
    void revoke(bool lost);
    void assign();
    void crash();
    void stop_and_restart();
    void expire_a_lease();
    void heal();
    void check_always();
    bool everything_is_safe() const;
    void fault(const std::string& what) {
        if (!verdict_.broken) verdict_.broken = what + " (step " + std::to_string(verdict_.steps) + ")";
    }
    Message& message_of(Slot slot) {
        return world_
            .messages[static_cast<std::size_t>(p_->delivered.at(p_->core.entry(slot).handle).message)];
    }

    static constexpr std::uint64_t largest_body = 50;
    static constexpr std::uint64_t largest_batch = 12;
    static constexpr std::uint64_t batches_ahead = 2;
    Random random_;
    World world_;
    Options options_;
    std::unique_ptr<Process> p_;
    Instant now_{0};
    std::uint64_t next_handle_ = 1;
    std::uint64_t next_lane_ = 1;
    bool transactions_ = false;
    std::uint64_t largest_outputs_ = 0;  // bytes, of a message
    Instant outage_began_{0};
    Instant outage_ends_{-1};     // until then every handler fails
    std::uint64_t given_up_ = 0;  // messages whose attempts were used up in the outage
    double trouble_ = 0.1;
    bool healing_ = false;
    bool calm_ =
        false;  // nothing fails, and the only thing that happens is a clean stop: it must duplicate nothing
    Verdict verdict_;
};

}  // namespace simulation
