#include "operations/process_use.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace volley::operations {

namespace {

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

ProcessUse process_use() {
    ProcessUse use;
    use.pid = getpid();
    rusage used{};
    if (getrusage(RUSAGE_SELF, &used) == 0)
        use.cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    std::ifstream statm("/proc/self/statm");
    std::uint64_t all = 0;
    std::uint64_t resident = 0;
    if (statm >> all >> resident)
        use.resident_bytes = resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    return use;
}

}  // namespace volley::operations
