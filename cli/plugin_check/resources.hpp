// What the process holds. Thread: any; the numbers are those of the whole process.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace volley::cli::plugin_check {

struct Resources {
    std::size_t descriptors = 0;
    std::size_t threads = 0;
    std::size_t memory_bytes = 0;  // what malloc has given out; 0 with a sanitizer's allocator
};

Resources resources();

// Waits until the process has at most so many threads: one that was joined may still be listed.
bool threads_end(std::size_t most);

// Names of threads (of all but the calling and the first one) that do not block SIGTERM, SIGINT and SIGHUP.
std::vector<std::string> threads_without_blocked_signals();

// Runs `function` while no further file or socket can be opened.
void without_descriptors(const std::function<void()>& function);

}  // namespace volley::cli::plugin_check
