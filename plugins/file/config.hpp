// The keys of config.schema.json.
#pragma once

#include <cstdint>
#include <string>

#include "volley/abi.hpp"

namespace volley::file {

enum class Fsync { always, interval, never };

struct FileConfig {
    std::string path;  // absolute, or "-"
    bool is_standard_stream() const { return path == "-"; }

    // Consumer.
    bool follow = true;
    bool start_at_end = false;
    std::string position_file;  // absolute
    std::uint64_t max_line_bytes = 16u << 20;
    std::uint32_t rotate_wait_ms = 1000;

    // Producer.
    Fsync fsync = Fsync::always;
    std::uint32_t fsync_interval_ms = 100;
    std::uint64_t rotate_bytes = 0;
    std::uint64_t rotate_seconds = 0;
    std::string part_suffix;  // empty: the file is written under its own name
};

// Throws Error{config} that names the key.
FileConfig read_config(const Context& context);

}  // namespace volley::file
