// What survives a crash in the simulation: the stores. An input that is a log with partitions and sparse
// offsets, or a queue that hands out what nobody has settled; outputs and dead letters as counts. It checks
// the promises that can be checked where the data is.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace simulation {

using Random = std::mt19937_64;

inline std::uint64_t below(Random& random, std::uint64_t bound) { return random() % bound; }
inline bool chance(Random& random, double probability) {
    return static_cast<double>(random() >> 11U) * 0x1.0p-53 < probability;
}

struct Message {
    int partition = 0;
    std::int64_t offset = 0;
    std::uint64_t key = 0;  // 0: none
    int outputs = 1;
    std::uint64_t output_bytes = 0;
    int failures_left = 0;   // handler failures still to come
    bool poison = false;     // fails always
    bool permanent = false;  // … its failures are permanent
    bool unwanted = false;   // the handler says drop

    std::vector<int> stored;           // per output: copies in the store
    int dead = 0;                      // copies in the dead-letter queue
    std::int64_t first_tried_ms = -1;  // by the process that runs now
    bool dropped = false;              // a drop was decided and is allowed
    // A queue's view.
    bool taken = false;
    bool deleted = false;

    bool is_safe() const {
        if (dead > 0 || dropped) return true;
        for (const int copies : stored) {
            if (copies == 0) return false;
        }
        return true;
    }
};

struct World {
    bool log = false;
    std::vector<Message> messages;
    std::vector<std::vector<int>> partitions;  // indexes of messages, in offset order
    std::vector<std::int64_t> committed;       // next offset to read

    // Returns what is wrong with a commit, or nothing.
    std::optional<std::string> commit(int partition, std::int64_t offset) {
        for (const int index : partitions[static_cast<std::size_t>(partition)]) {
            const Message& m = messages[static_cast<std::size_t>(index)];
            if (m.offset < offset && !m.is_safe()) {
                return "commit of " + std::to_string(offset) + " passes unfinished offset " +
                       std::to_string(m.offset);
            }
        }
        auto& now = committed[static_cast<std::size_t>(partition)];
        if (offset < now) return "the committed offset goes back";
        now = offset;
        return std::nullopt;
    }
};

}  // namespace simulation
