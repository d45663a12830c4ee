// Where the metric functions of every host end. Thread: any; adding to a metric is one atomic operation.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "volley/plugin.h"

namespace volley::plugins {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Returns the metric of that name and those labels, made on first use; it lives as long as the process. One
// that cannot be listed (over the limit, or a name that is taken by another kind) is usable all the same; a
// warning says so once.
volley_metric* find_or_make_metric(std::uint32_t kind, std::string name, std::string help, Labels labels);

void add_to_metric(volley_metric* metric, double value) noexcept;
void set_metric(volley_metric* metric, double value) noexcept;

}  // namespace volley::plugins
