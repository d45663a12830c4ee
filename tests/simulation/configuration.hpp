// The engine's configuration in a simulation: built in code, or as a file where the seed reloads it.
#pragma once

#include <string>

#include "volley/config.hpp"
#include "world.hpp"

namespace simulation {

volley::Config configuration_of(const Scenario& scenario, volley::Milliseconds shutdown_timeout);
// The same as YAML.
std::string yaml_of(const volley::Config& config);

}  // namespace simulation
