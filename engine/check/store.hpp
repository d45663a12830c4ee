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
    std::string place;                 // equal for queues of one database; empty: not known
    std::string user;                  // who writes; empty: the store's default, or it has none
    std::vector<std::string> hosts;    // connector and place, each: two with one in common are one store
    std::vector<std::string> queues;   // what it calls what is read or written; ^… is a pattern of topics
    std::vector<std::string> without;  // patterns of topics that are not read, though they match
    std::string group;            // as a log's consumer: given in the file or the environment; else empty
    std::string disorder;         // as a producer that does not keep the order: what the file says to that
    bool has_size_limit = false;  // of a message, as its server or its creator set it
    std::vector<std::string> losses;  // why a message of this queue can be lost
};

// Does `reader` read what is written to `writer`? Judged by where they are and what they are called there, as
// far as that is known offline: not by the names of the queues.
bool reads_from(const Store& reader, const Store& writer);

// The queue as `kind` sees it. A connector that cannot be found gives a Store that can do nothing.
Store store_of(plugins::Kind kind, const QueueConfig& queue, const Config& config, plugins::Catalog& catalog);

}  // namespace volley::check
