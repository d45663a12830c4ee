// Hashes of a few bytes of a file, to check whether it still has the content that was read.
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

// Each reads the file and throws system_error. The first bytes of the file up to `position`, at most
// head_bytes.
Fingerprint read_head(int fd, const std::string& path, std::uint64_t position);
// The bytes before `position`, at most before_bytes. Empty if the file ends before `position`.
Fingerprint read_before(int fd, const std::string& path, std::uint64_t position);
bool has_head(int fd, const std::string& path, const Fingerprint& head);
bool has_before(int fd, const std::string& path, std::uint64_t position, const Fingerprint& before);

}  // namespace volley::file
