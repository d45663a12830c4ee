// `volley send`, `peek`, `replay`, `queues` and `purge`: queues from outside, through the same plugins,
// without a running engine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/catalog.hpp"
#include "volley/config.hpp"
#include "window.hpp"

namespace volley::cli {

struct Send {
    std::string queue;
    std::vector<std::string> bodies;  // from the command line
    std::string file;                 // one message a line; "-": standard input
    bool json = false;                // lines as `peek --json` prints them: body, key and headers
    std::string key;
    std::vector<std::string> headers;  // "name:value"
    std::uint64_t count = 1;           // how often the bodies are sent
    std::uint64_t rate = 0;            // messages a second; 0: as fast as it goes
    std::string delay;                 // deliver no sooner than so long from then; empty: at once
    bool fills = false;                // bodies, key and headers are templates
};

struct Peek {
    std::string queue;
    std::uint64_t limit = 10;
    bool count = false;  // only how many wait
    bool json = false;   // one object a message, with key, id and headers
    Window window;       // what was stored then, instead of what waits
};

struct Replay {
    std::string queue;
    Window window;
    std::string into;         // empty: the same queue
    std::uint64_t limit = 0;  // 0: all
    bool dry_run = false;     // only say how many
};

struct Purge {
    std::string queue;
    bool yes = false;  // really
};

struct Queues {
    std::vector<std::string> names;  // none: every queue of the configuration
    bool json = false;               // one object a queue
};

// Each prints data to standard output and the rest to standard error, and returns the exit code.
int send(const Config& config, plugins::Catalog& catalog, const Send& send);
int peek(const Config& config, plugins::Catalog& catalog, const Peek& peek);
int replay(const Config& config, plugins::Catalog& catalog, const Replay& replay);
int list_queues(const Config& config, plugins::Catalog& catalog, const Queues& queues);
int purge(const Config& config, plugins::Catalog& catalog, const Purge& purge);

}  // namespace volley::cli
