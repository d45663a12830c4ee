// Renders a snapshot in Prometheus' text format 0.0.4.
#pragma once

#include <string>

#include "runtime/snapshot.hpp"

namespace volley::operations {

std::string render_metrics(const runtime::EngineSnapshot& snapshot);
// The same as OpenMetrics, with a sampled trace for the buckets of durations.
std::string render_openmetrics(const runtime::EngineSnapshot& snapshot);

}  // namespace volley::operations
