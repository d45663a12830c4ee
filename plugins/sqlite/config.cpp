#include "config.hpp"

#include <charconv>
#include <cstdlib>
#include <filesystem>

namespace volley::sqlite {

namespace {

std::uint32_t milliseconds(const Context& context, const std::string& key, std::uint32_t fallback,
                           std::uint32_t least, std::uint32_t most) {
    const auto text = context.find(key.c_str());
    if (!text) return fallback;
    std::uint32_t value = 0;
    const char* end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, value);
    if (parsed.ec == std::errc{} && parsed.ptr == end && value >= least && value <= most) return value;
    throw Error(ErrorCode::config,
                "config: `" + key + "` must be a whole number of milliseconds from " + std::to_string(least) +
                    " to " + std::to_string(most),
                "/" + key);
}

// A configuration in /etc keeps its data where systemd and containers let a service write. The engine's check
// of queues that share a store (engine/check/store.cpp) applies the same rule.
std::string default_path(const std::string& base_dir) {
    const bool in_etc = base_dir == "/etc" || base_dir.compare(0, 5, "/etc/") == 0;
    if (!in_etc) return "volley.db";
    const char* state = std::getenv("STATE_DIRECTORY");
    const std::string directories = state != nullptr ? state : "";
    const std::string first = directories.substr(0, directories.find(':'));
    return (first.empty() ? "/var/lib/volley" : first) + "/volley.db";
}

}  // namespace

SqliteConfig read_config(const Context& context) {
    SqliteConfig c;
    const std::string path = context.config("path", default_path(context.base_dir()).c_str());
    if (path.empty())
        throw Error(ErrorCode::config, "config: `path` is empty; write the database file's name", "/path");
    c.path = (std::filesystem::path(context.base_dir()) / path).lexically_normal().string();
    c.lease_ms = milliseconds(context, "lease_ms", c.lease_ms, 1000, 86'400'000);
    c.busy_timeout_ms = milliseconds(context, "busy_timeout_ms", c.busy_timeout_ms, 0, 60'000);
    return c;
}

}  // namespace volley::sqlite
