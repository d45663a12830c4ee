// What is known offline of the store behind a queue: what its connector's class can do, where it is, and what
// the file says that weakens it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/catalog.hpp"
#include "volley/config.hpp"

namespace volley::check {

struct Store {
    std::string connector;    // "kafka", "sqlite", or the file of another
    std::uint64_t flags = 0;  // VOLLEY_ORDERED, …
    bool is_log = false;      // progress is an offset
    bool is_atomic = false;   // sends and acknowledgements of one place can be one transaction
    bool is_memory = false;   // gone with the process
    bool has_keys = false;    // messages carry a key, or one is looked for in the body
    bool keeps_order =
        false;  // as a consumer: what comes back takes its old place; as a producer: of what it accepted
    std::string place;                // equal for queues of one database; empty: not known
    std::string user;                 // who writes; empty: the store's default, or it has none
    std::vector<std::string> losses;  // why a message of this queue can be lost
};

// The queue as `kind` sees it. A connector that cannot be found gives a Store that can do nothing.
Store store_of(plugins::Kind kind, const QueueConfig& queue, const Config& config, plugins::Catalog& catalog);

// Of two Kafka queues: does an input with the value of the first, a list or a pattern, read the topic that is
// the value of the second? Brokers that are named differently are taken for different clusters.
bool reads_topic(const QueueConfig& input, const QueueConfig& topic);

}  // namespace volley::check
