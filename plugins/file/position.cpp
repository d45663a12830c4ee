#include "position.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <vector>

namespace volley::file {

namespace {

constexpr std::size_t slot_bytes = 512;
constexpr std::string_view magic = "volley-position-1";
constexpr std::size_t most_identity = 64;

// The content of the two slots.
struct Slots {
    std::optional<Position> newest;
    std::uint64_t sequence = 0;
    bool is_foreign = false;  // there is content that was never a position
};

Slots read_slots(int fd, const std::string& path) {
    std::array<char, 2 * slot_bytes> bytes{};
    const std::size_t n = read_at(fd, path, bytes.data(), bytes.size(), 0);
    Slots out;
    for (std::size_t at = 0; at < n; at += slot_bytes) {
        std::uint64_t sequence = 0;
        auto position = parse_position({bytes.data() + at, std::min(slot_bytes, n - at)}, sequence);
        if (!position || (out.newest && sequence <= out.sequence)) continue;
        out.newest = std::move(position);
        out.sequence = sequence;
    }
    const std::string_view all(bytes.data(), n);
    out.is_foreign = !out.newest && all.find_first_not_of('\0') != std::string_view::npos &&
                     all.find(magic) == std::string_view::npos;
    return out;
}

std::vector<std::string_view> words(std::string_view text) {
    std::vector<std::string_view> out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (end > 0) out.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

template <typename T>
bool read_number(std::string_view text, T& out, int base = 10) {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
}

}  // namespace

std::string to_text(const Position& p, std::uint64_t sequence) {
    const auto n = [](auto value) { return " " + std::to_string(value); };
    std::string text = std::string(magic) + n(sequence) + " " + p.identity + n(p.base) + n(p.position) +
                       n(p.file.device) + n(p.file.inode) + n(p.file.born_ns) + n(p.head.size) +
                       n(p.head.hash) + n(p.before.size) + n(p.before.hash);
    text += n(fingerprint_of(text).hash);
    text.resize(slot_bytes - 1, ' ');
    return text + "\n";
}

std::optional<Position> parse_position(std::string_view text, std::uint64_t& sequence) {
    text = text.substr(0, text.find('\n'));
    text = text.substr(0, text.find_last_not_of(' ') + 1);
    const auto w = words(text);
    if (w.size() != 13 || w[0] != magic || w[2].size() > most_identity) return std::nullopt;
    std::uint64_t check = 0;
    const std::string_view checked = text.substr(0, text.rfind(' '));
    if (!read_number(w[12], check) || check != fingerprint_of(checked).hash) return std::nullopt;
    Position p;
    p.identity = w[2];
    const bool good = read_number(w[1], sequence) && read_number(w[3], p.base) &&
                      read_number(w[4], p.position) && read_number(w[5], p.file.device) &&
                      read_number(w[6], p.file.inode) && read_number(w[7], p.file.born_ns) &&
                      read_number(w[8], p.head.size) && read_number(w[9], p.head.hash) &&
                      read_number(w[10], p.before.size) && read_number(w[11], p.before.hash);
    return good ? std::optional(std::move(p)) : std::nullopt;
}

std::optional<Position> read_position(const std::string& path) {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return fd ? read_slots(fd.get(), path).newest : std::nullopt;
}

std::optional<Position> PositionFile::open() {
    Descriptor fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!fd) {
        const int error_number = errno;
        const std::string text = path_ + ": the position cannot be kept: " + std::strerror(error_number) +
                                 "; give `position_file` a folder that can be written";
        const bool is_passing = error_number == ENOSPC || error_number == EDQUOT || error_number == EMFILE ||
                                error_number == ENFILE || error_number == ENOENT;
        throw Error(is_passing ? ErrorCode::retry : ErrorCode::config, text, "/position_file");
    }
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        throw Error(ErrorCode::retry,
                    path_ +
                        ": another process reads as this application and component; it must "
                        "end, or have another `app`");
    Slots slots = read_slots(fd.get(), path_);
    if (slots.is_foreign)
        throw Error(
            ErrorCode::config,
            path_ + ": this is no position of a reader; give `position_file` another name, or remove it",
            "/position_file");
    fd_ = std::move(fd);
    sequence_ = slots.sequence;
    return std::move(slots.newest);
}

void PositionFile::write(const Position& position) {
    const std::string text = to_text(position, sequence_ + 1);
    const off_t at = (sequence_ + 1) % 2 == 0 ? 0 : static_cast<off_t>(slot_bytes);
    const ssize_t n = ::pwrite(fd_.get(), text.data(), text.size(), at);
    if (n < 0) throw system_error(path_, "the position cannot be written", errno);
    if (static_cast<std::size_t>(n) != text.size())
        throw system_error(path_, "the position cannot be written", ENOSPC);
    ++sequence_;
}

void PositionFile::sync() {
    if (::fdatasync(fd_.get()) != 0) throw system_error(path_, "the position cannot be synced", errno);
}

}  // namespace volley::file
