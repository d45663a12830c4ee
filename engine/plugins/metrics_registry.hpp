// The registry behind the metric functions of all hosts. Thread: any; adding to a metric is one atomic
// operation.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "volley/plugin.h"

namespace volley::plugins {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Returns the metric with this name and these labels, and creates it on first use. It lives as long as the
// process. A metric that cannot be listed (over the limit, or a metric of another kind has the name) is still
// usable; a warning says so once.
volley_metric* find_or_make_metric(std::uint32_t kind, std::string name, std::string help, Labels labels);

void add_to_metric(volley_metric* metric, double value) noexcept;
void set_metric(volley_metric* metric, double value) noexcept;

}  // namespace volley::plugins
