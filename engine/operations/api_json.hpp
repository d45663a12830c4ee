// The JSON of the API. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "log/operating.hpp"
#include "operations/controls.hpp"
#include "operations/rates.hpp"
#include "runtime/snapshot.hpp"

namespace volley::operations {

// `now`: the clock of the samples in `rates`.
std::string status_json(const runtime::EngineSnapshot& snapshot);
std::string components_json(const runtime::EngineSnapshot& snapshot, const Rates& rates, double now);
std::string component_json(const runtime::ComponentSnapshot& component, const Rates& rates, double now);
std::string queues_json(const runtime::EngineSnapshot& snapshot);
std::string in_flight_json(const runtime::EngineSnapshot& snapshot);
// The buckets of ack latencies that are not empty, since each component started.
std::string latencies_json(const runtime::EngineSnapshot& snapshot);
std::string configuration_json(const Configuration& configuration);
std::string lines_json(const std::vector<log::Recent>& lines);
// Status, components, queues and log in one object of one line.
std::string everything_json(const runtime::EngineSnapshot& snapshot, const Rates& rates, double now);

}  // namespace volley::operations
