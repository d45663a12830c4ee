// What this process uses of the machine. Thread: any.
#pragma once

#include <cstdint>

namespace volley::operations {

struct ProcessUse {
    std::int64_t pid = 0;
    double cpu_seconds = 0;            // of all threads since the start, without child processes
    std::uint64_t resident_bytes = 0;  // 0: unknown
};

ProcessUse process_use();

}  // namespace volley::operations
