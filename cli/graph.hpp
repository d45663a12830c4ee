// `volley graph`: which component reads and writes which queue, from the configuration. Connects to nothing.
#pragma once

#include <string>

#include "volley/config.hpp"

namespace volley::cli {

struct Graph {
    std::string format = "text";  // text, mermaid, dot
};

// Foreign text is escaped for the format. Pure.
std::string graph_text(const Config& config, const std::string& format);

// Prints it. Returns the exit code.
int graph(const std::string& config_file, const Graph& options);

}  // namespace volley::cli
