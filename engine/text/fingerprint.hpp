// A 64-bit hash that is the same in every build and after every restart, because stored names contain it. Not
// for hash tables with untrusted keys: collisions are easy to construct. Pure; any thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace volley::text {

class Fingerprint {
public:
    Fingerprint& add(std::uint64_t value) {
        state_ = std::rotl(state_ ^ (value * 0x9e3779b97f4a7c15), 29) * 0xbf58476d1ce4e5b9;
        return *this;
    }
    // Includes the size, so that "ab" and "c" differ from "a" and "bc".
    Fingerprint& add(std::string_view bytes) {
        add(std::uint64_t{bytes.size()});
        while (!bytes.empty()) {
            const std::size_t size =
                bytes.size() < sizeof(std::uint64_t) ? bytes.size() : sizeof(std::uint64_t);
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data(), size);
            add(word);
            bytes.remove_prefix(size);
        }
        return *this;
    }
    std::uint64_t value() const {
        std::uint64_t v = state_;
        v = (v ^ (v >> 33U)) * 0xff51afd7ed558ccd;
        v = (v ^ (v >> 33U)) * 0xc4ceb9fe1a85ec53;
        return v ^ (v >> 33U);
    }

private:
    std::uint64_t state_ = 0x243f6a8885a308d3;
};

}  // namespace volley::text
