// The metrics that plugins register through their host, for the whole process. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace volley::plugins {

// One metric at one moment. A histogram has only the sum and the count of what was observed.
struct MetricSample {
    std::uint32_t kind = 0;  // VOLLEY_COUNTER, VOLLEY_GAUGE, VOLLEY_HISTOGRAM
    std::string name;        // with the prefix volley_plugin_, only [a-zA-Z0-9_]
    std::string help;
    std::vector<std::pair<std::string, std::string>> labels;  // queue and component first
    double value = 0;                                         // histogram: the sum
    std::uint64_t count = 0;                                  // histogram: how many
};

// Returns all, sorted by name, then labels.
std::vector<MetricSample> plugin_metrics();

}  // namespace volley::plugins
