// What is known, without a connection, about the store of a queue: the capabilities of its connector, its
// place, and settings in the file that weaken its guarantees.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/catalog.hpp"
#include "volley/config.hpp"

namespace volley::check {

struct Store {
    std::string connector;     // "kafka", "sqlite", or the file of another one
    std::uint64_t flags = 0;   // VOLLEY_ORDERED, …
    bool is_log = false;       // it has committed offsets
    bool is_atomic = false;    // outputs and acks in one place can be one transaction
    bool is_memory = false;    // lost when the process ends
    bool has_keys = false;     // messages have keys, or the key is in the body
    bool keeps_order = false;  // consumer: a requeued message keeps its place; producer: it stores records in
                               // the order of acceptance
    std::string place;         // the same for queues of one database; empty: unknown
    std::string user;          // of the producer; empty: the store's default, or there are no users
    std::vector<std::string> hosts;    // connector and host; two stores with a common one are the same
    std::vector<std::string> queues;   // its names for the queues; ^… is a pattern of topics
    std::vector<std::string> without;  // patterns of topics that are excluded
    std::string group;                 // consumer group from the file or the environment; otherwise empty
    std::string disorder;              // a producer that does not keep the order: the setting that causes it
    bool has_size_limit = false;       // the store limits the size of messages
    std::vector<std::string> losses;   // why a message of this queue can be lost
};

// Whether `reader` reads what is written to `writer`. Decided by place and name in the store, as far as these
// are known without a connection, and not by the names of the queues.
bool reads_from(const Store& reader, const Store& writer);

// Returns the queue as a consumer or a producer, by `kind`. If the connector cannot be found, the Store has
// no capabilities.
Store store_of(plugins::Kind kind, const QueueConfig& queue, const Config& config, plugins::Catalog& catalog);

}  // namespace volley::check
