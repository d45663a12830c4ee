// The metrics that plugins register through their host, for the whole process. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace volley::plugins {

// The value of one metric at one moment. A histogram has only the sum and the count of its observations.
struct MetricSample {
    std::uint32_t kind = 0;  // VOLLEY_COUNTER, VOLLEY_GAUGE, VOLLEY_HISTOGRAM
    std::string name;        // has the prefix volley_plugin_; only [a-zA-Z0-9_]
    std::string help;
    std::vector<std::pair<std::string, std::string>> labels;  // queue and component first
    double value = 0;                                         // histogram: the sum
    std::uint64_t count = 0;                                  // histogram: the number of observations
};

// Returns all metrics, sorted by name, then by labels.
std::vector<MetricSample> plugin_metrics();

}  // namespace volley::plugins
