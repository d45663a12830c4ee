#include "config.hpp"

#include <charconv>
#include <filesystem>
#include <limits>

namespace volley::file {

namespace {

std::uint64_t number(const Context& context, const std::string& key, std::uint64_t fallback,
                     std::uint64_t least, std::uint64_t most) {
    const auto text = context.find(key.c_str());
    if (!text) return fallback;
    std::uint64_t value = 0;
    const char* end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, value);
    if (parsed.ec == std::errc{} && parsed.ptr == end && value >= least && value <= most) return value;
    throw Error(ErrorCode::config,
                "config: `" + key + "` must be a whole number from " + std::to_string(least) + " to " +
                    std::to_string(most),
                "/" + key);
}

std::string absolute(const Context& context, const std::string& path) {
    return (std::filesystem::path(context.base_dir()) / path).lexically_normal().string();
}

// A part of a file name, because names of components may contain any character.
std::string in_a_file_name(std::string name) {
    for (char& c : name) {
        if (c == '/' || c == '\0') c = '_';
    }
    return name;
}

}  // namespace

FileConfig read_config(const Context& context) {
    FileConfig c;
    c.path = context.config("path", context.value());
    if (c.path.empty())
        throw Error(ErrorCode::config, "config: `path` is empty; write the file's name", "/path");
    if (c.path.find('\0') != std::string::npos)
        throw Error(ErrorCode::config, "config: `path` contains a NUL character", "/path");
    if (!c.is_standard_stream()) {
        if (c.path.back() == '/')
            throw Error(ErrorCode::config, "config: `path` names a folder; write a file's name", "/path");
        c.path = absolute(context, c.path);
    }
    c.follow = context.config("follow", "true") == "true";
    c.start_at_end = context.config("start", "beginning") == "end";
    const std::string beside = c.path + "." + in_a_file_name(context.app()) + "." +
                               in_a_file_name(context.component()) + ".position";
    c.position_file = absolute(context, context.config("position_file", beside));
    if (c.position_file == c.path)
        throw Error(ErrorCode::config, "config: `position_file` is the file that is read", "/position_file");
    c.max_line_bytes = number(context, "max_line_bytes", c.max_line_bytes, 1024, 1u << 30);
    c.rotate_wait_ms =
        static_cast<std::uint32_t>(number(context, "rotate_wait_ms", c.rotate_wait_ms, 0, 600'000));
    const std::string fsync = context.config("fsync", "always");
    c.fsync = fsync == "never" ? Fsync::never : fsync == "interval" ? Fsync::interval : Fsync::always;
    c.fsync_interval_ms =
        static_cast<std::uint32_t>(number(context, "fsync_interval_ms", c.fsync_interval_ms, 1, 10'000));
    c.rotate_bytes = number(context, "rotate_bytes", 0, 0, std::numeric_limits<std::int64_t>::max());
    c.rotate_seconds = number(context, "rotate_seconds", 0, 0, 31'536'000);
    c.part_suffix = context.config("part_suffix", "");
    if (c.is_standard_stream() && (c.rotate_bytes != 0 || c.rotate_seconds != 0 || !c.part_suffix.empty()))
        throw Error(ErrorCode::config, "config: standard output cannot be rotated or renamed", "/path");
    return c;
}

}  // namespace volley::file
