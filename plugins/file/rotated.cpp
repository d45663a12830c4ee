#include "rotated.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>

namespace volley::file {

namespace {

constexpr std::size_t most_rotated = 256;  // descriptors are few

FileStatus status_of_source(const Source& source) {
    FileStatus status;
    if (!status_of(source.fd.get(), status)) throw system_error(source.path, "cannot be read", errno);
    return status;
}

struct Found {
    std::int64_t born_ns;
    std::int64_t modified_ns;
    std::string path;
};

// The number at the end of app.log.12; -1: none.
std::int64_t number_of(const std::string& path) {
    std::int64_t number = -1;
    const std::size_t dot = path.rfind('.') + 1;
    const auto parsed = std::from_chars(path.data() + dot, path.data() + path.size(), number);
    return parsed.ec == std::errc{} && parsed.ptr == path.data() + path.size() ? number : -1;
}

// Files with the same creation time, at the resolution of the file system, are ordered by name: the higher of
// two numbers is older, and so is the earlier of two dates.
bool is_older(const Found& a, const Found& b) {
    if (a.born_ns != 0 && b.born_ns != 0 && a.born_ns != b.born_ns) return a.born_ns < b.born_ns;
    if (a.modified_ns != b.modified_ns) return a.modified_ns < b.modified_ns;
    const std::int64_t number_a = number_of(a.path), number_b = number_of(b.path);
    if (number_a >= 0 && number_b >= 0 && number_a != number_b) return number_a > number_b;
    return a.path < b.path;
}

}  // namespace

bool is_rotated_name(std::string_view file, std::string_view name) {
    if (name.size() < file.size() + 2 || name.substr(0, file.size()) != file) return false;
    const std::string_view suffix = name.substr(file.size());
    return (suffix[0] == '.' || suffix[0] == '-') &&
           suffix.find_first_not_of("0123456789.-_TZ", 1) == std::string_view::npos &&
           suffix.find_first_of("0123456789") != std::string_view::npos;
}

std::vector<Source> open_rotated(const std::string& path) {
    const std::filesystem::path file(path);
    std::error_code error;
    std::vector<Found> found;
    for (std::filesystem::directory_iterator entry(file.parent_path(), error), end; !error && entry != end;
         entry.increment(error)) {
        if (!is_rotated_name(file.filename().string(), entry->path().filename().string())) continue;
        FileStatus status;
        if (status_of(entry->path().string(), status) && status.is_regular)
            found.push_back({status.id.born_ns, status.modified_ns, entry->path().string()});
    }
    if (error) throw system_error(file.parent_path().string(), "the folder cannot be read", error.value());
    std::sort(found.begin(), found.end(), is_older);
    if (found.size() > most_rotated) found.erase(found.begin(), found.end() - most_rotated);
    std::vector<Source> out;
    for (const Found& f : found) {
        auto source = open_source(f.path);
        if (source && !source->is_stream) out.push_back(std::move(*source));
    }
    return out;
}

bool has_content_of(const Source& source, const Position& position) {
    return status_of_source(source).size >= position.position &&
           has_head(source.fd.get(), source.path, position.head) &&
           has_before(source.fd.get(), source.path, position.position, position.before);
}

// The number of a device may change at a reboot.
bool is_file_of(const Source& source, const Position& position) {
    const bool is_dated = source.id.born_ns != 0 && position.file.born_ns != 0;
    const bool is_same =
        source.id.inode == position.file.inode &&
        (is_dated ? source.id.born_ns == position.file.born_ns : source.id.device == position.file.device);
    return is_same && has_content_of(source, position);
}

std::vector<Source> rotated_since(const std::string& path, const Position& position) {
    std::vector<Source> all = open_rotated(path);
    auto found =
        std::find_if(all.begin(), all.end(), [&](const Source& s) { return is_file_of(s, position); });
    // A copy that was made before the file was truncated. Files of which nothing was read cannot be
    // distinguished.
    if (found == all.end() && position.position > 0 && position.before.size > 0) {
        const auto newest = std::find_if(all.rbegin(), all.rend(),
                                         [&](const Source& s) { return has_content_of(s, position); });
        if (newest != all.rend()) found = newest.base() - 1;
    }
    all.erase(all.begin(), found);
    return all;
}

std::uint64_t after_last_line(const Source& source) {
    constexpr std::uint64_t block = 4096;
    char bytes[block];
    std::uint64_t end = status_of_source(source).size;
    while (end > 0) {
        const std::uint64_t begin = end > block ? end - block : 0;
        const std::size_t n =
            read_at(source.fd.get(), source.path, bytes, static_cast<std::size_t>(end - begin), begin);
        const std::size_t newline = std::string_view(bytes, n).rfind('\n');
        if (newline != std::string_view::npos) return begin + newline + 1;
        end = begin;
    }
    return 0;
}

}  // namespace volley::file
