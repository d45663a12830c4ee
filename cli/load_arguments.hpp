// The options of the verbs that send messages.
#pragma once

#include <CLI/CLI.hpp>

#include "bench.hpp"
#include "queues.hpp"

namespace volley::cli {

// A negative number would be read as one near 2^64.
CLI::Range number_of_messages();
// What `send` and `bench` have in common. `saved_name`: the flag for lines as `peek --json` prints them.
void add_load(CLI::App* verb, Send& load, const char* saved_name);
// All of `bench` but its address.
void add_bench_options(CLI::App* verb, Bench& bench);

}  // namespace volley::cli
