// Renders a snapshot in Prometheus' text format 0.0.4.
#pragma once

#include <string>

#include "runtime/snapshot.hpp"

namespace volley::operations {

std::string render_metrics(const runtime::EngineSnapshot& snapshot);

}  // namespace volley::operations
