// `volley bench`: load through a component of the user's own configuration, and what comes of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/catalog.hpp"
#include "queues.hpp"
#include "volley/config.hpp"

namespace volley::cli {

struct Bench {
    std::string component;
    Send load = no_limit();        // what is sent; `count`: messages in all, 0: no limit; `queue` is not used
    std::string duration;          // how long is sent; empty: 10s, or until `count` messages are sent
    std::uint64_t ahead = 10'000;  // without a rate: so many messages may wait at most
    bool mix = false;              // run although the queue is not empty
    bool json = false;
    std::string address;  // of the engine; empty: as the configuration says
    std::string config_file;
    std::vector<std::string> plugin_dirs;

    static Send no_limit() {
        Send load;
        load.count = 0;
        return load;
    }
};

// Prints the result to standard output, and returns the exit code: 0; 1, if not all messages were settled or
// the queue is not empty; 130 after Ctrl-C.
int bench(const Config& config, plugins::Catalog& catalog, const Bench& options);

}  // namespace volley::cli
