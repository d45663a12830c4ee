// Metrics in the text format of OpenMetrics 1.0, which has exemplars; the library's own format has none.
// Pure; any thread.
#pragma once

#include <prometheus/metric_family.h>

#include <functional>
#include <string>
#include <vector>

#include "runtime/snapshot.hpp"

namespace volley::operations {

// The exemplar of a bucket, or null. `metric`: the index in its family.
using FindExemplar = std::function<const runtime::Exemplar*(const prometheus::MetricFamily& family,
                                                            std::size_t metric, std::size_t bucket)>;

std::string openmetrics_text(const std::vector<prometheus::MetricFamily>& families,
                             const FindExemplar& exemplar);

// Whether a client with this Accept header takes that format.
bool accepts_openmetrics(const std::string& accept);

inline constexpr const char* openmetrics_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";

}  // namespace volley::operations
