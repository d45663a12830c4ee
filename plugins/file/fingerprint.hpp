// Hashes of a few bytes of a file: do they still say what was read there?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volley::file {

struct Fingerprint {
    std::uint32_t size = 0;  // bytes; 0: nothing was read, and everything matches
    std::uint64_t hash = 0;
};

inline constexpr std::uint32_t head_bytes = 1024;
inline constexpr std::uint32_t before_bytes = 256;

Fingerprint fingerprint_of(std::string_view bytes);

// Each reads the file and throws system_error. The first bytes of the file up to `position`, head_bytes at
// most.
Fingerprint read_head(int fd, const std::string& path, std::uint64_t position);
// The bytes before `position`, before_bytes at most. Empty if the file ends before it.
Fingerprint read_before(int fd, const std::string& path, std::uint64_t position);
bool has_head(int fd, const std::string& path, const Fingerprint& head);
bool has_before(int fd, const std::string& path, std::uint64_t position, const Fingerprint& before);

}  // namespace volley::file
