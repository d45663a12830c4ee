// What the components did in the last minutes, for the charts of a dashboard that was not open then. Thread:
// the server's.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "operations/rates.hpp"
#include "runtime/snapshot.hpp"

namespace volley::operations {

class History {
public:
    // Seconds between two points, and how many points are kept: 15 minutes.
    static constexpr double step = 5;
    static constexpr std::size_t most_points = 180;

    // Takes a point if the last one is old enough. Call it about once a second.
    void add(const runtime::EngineSnapshot& snapshot, const Rates& rates, double steady_seconds,
             double unix_seconds);
    std::string json() const;

private:
    struct Point {
        double at = 0;  // Unix time
        ComponentRates rates;
        std::uint64_t in_flight = 0;
        std::uint64_t restarts = 0;  // of handlers that failed
        std::int64_t waiting = -1;   // as the store last said; -1: nobody has asked lately
    };
    struct Mark {
        double at = 0;  // Unix time
        const char* kind = "start";
        std::string text;
    };

    void mark(const runtime::EngineSnapshot& snapshot);

    std::map<std::string, std::deque<Point>> components_;  // the oldest point first
    std::deque<Mark> marks_;
    std::uint64_t reload_ = 0;  // the number of the last reload that has a mark
    double last_ = 0;           // when the last point was taken, of the steady clock
};

}  // namespace volley::operations
