#include "fingerprint.hpp"

#include <algorithm>

#include "descriptor.hpp"

namespace volley::file {

namespace {

Fingerprint read_range(int fd, const std::string& path, std::uint64_t from, std::uint64_t size) {
    char bytes[head_bytes];
    const std::size_t n = read_at(fd, path, bytes, static_cast<std::size_t>(size), from);
    return n == size ? fingerprint_of({bytes, n}) : Fingerprint{};
}

}  // namespace

// FNV-1a.
Fingerprint fingerprint_of(std::string_view bytes) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return {static_cast<std::uint32_t>(bytes.size()), hash};
}

Fingerprint read_head(int fd, const std::string& path, std::uint64_t position) {
    return read_range(fd, path, 0, std::min<std::uint64_t>(position, head_bytes));
}

Fingerprint read_before(int fd, const std::string& path, std::uint64_t position) {
    const std::uint64_t size = std::min<std::uint64_t>(position, before_bytes);
    return read_range(fd, path, position - size, size);
}

bool has_head(int fd, const std::string& path, const Fingerprint& head) {
    if (head.size > head_bytes) return false;
    const Fingerprint now = read_range(fd, path, 0, head.size);
    return head.size == 0 || (now.size == head.size && now.hash == head.hash);
}

bool has_before(int fd, const std::string& path, std::uint64_t position, const Fingerprint& before) {
    if (before.size > before_bytes || before.size > position) return false;
    const Fingerprint now = read_range(fd, path, position - before.size, before.size);
    return before.size == 0 || (now.size == before.size && now.hash == before.hash);
}

}  // namespace volley::file
