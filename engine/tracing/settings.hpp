// What the OTEL_… variables of OpenTelemetry say about tracing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tracing/endpoint.hpp"
#include "tracing/sampler.hpp"

namespace volley::tracing {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Settings {
    bool is_on = false;  // there is a collector, and nothing says not to use it
    Endpoint endpoint;
    Pairs headers;   // of each request
    Pairs resource;  // attributes, service.name among them
    Sampler sampler;
    std::chrono::milliseconds timeout{10'000};        // of a request
    std::chrono::milliseconds schedule_delay{5'000};  // longest time that a span waits for a batch to fill
    std::size_t queue_size = 2048;                    // spans
    std::size_t batch_size = 512;                     // spans; at most queue_size
    std::vector<std::string> warnings;                // one sentence each, for the log
};

// Returns the value of a variable; empty if it is not set.
using Variable = std::function<std::string(const char* name)>;

// `app` is the service's name unless a variable names it. A variable that cannot be read counts as not set,
// and there is a warning; values of headers, which may be secret, are in no warning.
Settings read_settings(const Variable& variable, const std::string& app);

}  // namespace volley::tracing
