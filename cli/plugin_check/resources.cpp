#include "plugin_check/resources.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace volley::cli::plugin_check {

namespace fs = std::filesystem;

namespace {

std::size_t entries(const char* folder) {
    std::error_code gone;
    std::size_t n = 0;
    for (fs::directory_iterator it(folder, gone), end; !gone && it != end; it.increment(gone)) ++n;
    return n;
}

// The highest descriptor that is open.
int last_descriptor() {
    int last = 2;
    std::error_code gone;
    for (fs::directory_iterator it("/proc/self/fd", gone), end; !gone && it != end; it.increment(gone))
        last = std::max(last, std::atoi(it->path().filename().c_str()));
    return last;
}

std::string line_of(const fs::path& file, const std::string& name) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
        if (line.rfind(name, 0) == 0) return line.substr(line.find_first_not_of(" \t", name.size()));
    return {};
}

}  // namespace

Resources resources() { return {entries("/proc/self/fd"), entries("/proc/self/task"), mallinfo2().uordblks}; }

bool threads_end(std::size_t most) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (entries("/proc/self/task") > most) {
        if (std::chrono::steady_clock::now() > patience) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

std::vector<std::string> threads_without_blocked_signals() {
    std::vector<std::string> out;
    std::error_code gone;
    const std::string own = std::to_string(gettid()), first = std::to_string(getpid());
    for (fs::directory_iterator it("/proc/self/task", gone), end; !gone && it != end; it.increment(gone)) {
        if (it->path().filename() == own || it->path().filename() == first) continue;
        const std::string blocked = line_of(it->path() / "status", "SigBlk:");
        if (blocked.empty()) continue;  // it has ended meanwhile
        const unsigned long long mask = std::strtoull(blocked.c_str(), nullptr, 16);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
            if ((mask >> (signal - 1) & 1) != 0) continue;
            out.push_back(line_of(it->path() / "status", "Name:"));
            break;
        }
    }
    return out;
}

void without_descriptors(const std::function<void()>& function) {
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(last_descriptor()) + 1;
    std::vector<int> fillers;  // descriptors below the limit that are free
    setrlimit(RLIMIT_NOFILE, &none);
    for (int fd = dup(STDIN_FILENO); fd >= 0; fd = dup(STDIN_FILENO)) fillers.push_back(fd);
    function();
    for (const int fd : fillers) close(fd);
    setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace volley::cli::plugin_check
