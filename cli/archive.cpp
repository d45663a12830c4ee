#include "archive.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

namespace volley::cli {

namespace {

constexpr std::size_t block = 512;

// Octal digits and a zero, as tar has its numbers.
void put_octal(char* field, std::size_t size, std::uint64_t value) {
    std::snprintf(field, size, "%0*llo", static_cast<int>(size - 1), static_cast<unsigned long long>(value));
}

std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = ~0U;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? crc >> 1U ^ 0xEDB88320U : crc >> 1U;
    }
    return ~crc;
}

void put_little(std::string& out, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFFU);
}

}  // namespace

void Archive::add(std::string_view name, std::string_view content) {
    std::array<char, block> head{};
    name.copy(head.data(), 99);
    put_octal(&head[100], 8, 0600);
    put_octal(&head[108], 8, 0);
    put_octal(&head[116], 8, 0);
    put_octal(&head[124], 12, content.size());
    put_octal(&head[136], 12, static_cast<std::uint64_t>(time_));
    std::memset(&head[148], ' ', 8);  // the sum is formed with spaces in its place
    head[156] = '0';
    std::memcpy(&head[257], "ustar\00000", 8);
    std::uint64_t sum = 0;
    for (const char c : head) sum += static_cast<unsigned char>(c);
    put_octal(&head[148], 7, sum);
    tar_.append(head.data(), head.size());
    tar_.append(content);
    tar_.append((block - content.size() % block) % block, '\0');
}

std::string Archive::gzip() const {
    const std::string whole = tar_ + std::string(2 * block, '\0');
    std::string out("\x1f\x8b\x08\x00", 4);
    put_little(out, static_cast<std::uint32_t>(time_), 4);
    out += std::string("\x00\x03", 2);
    constexpr std::size_t most = 65535;  // of a block that is not compressed
    for (std::size_t at = 0; at < whole.size(); at += most) {
        const std::string_view part = std::string_view(whole).substr(at, most);
        out += at + most >= whole.size() ? '\1' : '\0';
        const auto size = static_cast<std::uint32_t>(part.size());
        put_little(out, size, 2);
        put_little(out, ~size, 2);
        out += part;
    }
    put_little(out, crc32(whole), 4);
    put_little(out, static_cast<std::uint32_t>(whole.size()), 4);
    return out;
}

}  // namespace volley::cli
