#include "window.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace volley::cli {

namespace {

std::optional<std::int64_t> read(const char* option, const std::string& text, std::int64_t now_ms) {
    const auto time = queues::parse_time(text, now_ms);
    if (!time)
        std::fprintf(stderr,
                     "volley: %s: \"%s\" is no time; write 2026-11-24T10:00:00Z, or 90m for so long ago\n",
                     option, text.c_str());
    return time;
}

}  // namespace

std::optional<queues::Times> read_window(const Window& window) {
    using namespace std::chrono;
    const std::int64_t now_ms = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
    const auto from = read("--from", window.from, now_ms);
    const auto to = window.to.empty() ? now_ms : read("--to", window.to, now_ms);
    if (!from || !to) return std::nullopt;
    const queues::Times times{*from, std::min(*to, now_ms)};
    if (times.from_ms < times.to_ms) return times;
    std::fprintf(stderr, "volley: --from is not before --to (or now)\n");
    return std::nullopt;
}

}  // namespace volley::cli
