// How much happens in a second, as the average of the last ten. Thread: the server's.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/snapshot.hpp"

namespace volley::operations {

// Per second.
struct ComponentRates {
    double received = 0;
    double done = 0;
    double failed = 0;  // attempts that failed, and sends that a store did not accept
    double dead = 0;
    // Duration of handler calls, estimated from the buckets of a histogram. Negative: there were none.
    double p50_seconds = -1;
    double p99_seconds = -1;
    std::vector<double> sent;  // by output, in the order of the snapshot
};

class Rates {
public:
    // Takes a sample. Call it about once a second.
    void add(const runtime::EngineSnapshot& snapshot, double seconds);
    // Compares the snapshot with the oldest sample. All are 0 for a component that was not there then.
    ComponentRates of(const runtime::ComponentSnapshot& component, double seconds) const;

private:
    struct Counts {
        std::uint64_t received = 0;
        std::uint64_t done = 0;
        std::uint64_t failed = 0;
        std::uint64_t dead = 0;
        std::map<std::string, std::uint64_t> sent;
        runtime::Histogram handle_seconds;
    };
    struct Sample {
        double seconds = 0;
        std::map<std::string, Counts> components;
    };
    static Counts counts_of(const runtime::ComponentSnapshot& component);

    std::deque<Sample> samples_;  // the oldest first
};

}  // namespace volley::operations
