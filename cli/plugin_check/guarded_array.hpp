// An array whose elements are further apart than their size, as of a newer engine, with bytes between and
// behind them that a plugin must not touch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "volley/plugin.h"
#include "volley/view.hpp"

namespace volley::cli::plugin_check {

template <typename T>
class GuardedArray {
public:
    // The elements are zero.
    explicit GuardedArray(std::uint32_t count) : count_(count), bytes_((count + 1) * step, guard_byte) {
        for (std::uint32_t i = 0; i < count; ++i) std::memset(bytes_.data() + i * step, 0, sizeof(T));
    }
    // What the engine lends, it uses again: no plugin may read it later.
    ~GuardedArray() { std::fill(bytes_.begin(), bytes_.end(), std::uint8_t{0xDD}); }
    GuardedArray(const GuardedArray&) = delete;
    GuardedArray& operator=(const GuardedArray&) = delete;

    T* data() { return reinterpret_cast<T*>(bytes_.data()); }
    T& operator[](std::uint32_t i) { return element(data(), step, i); }
    static constexpr std::uint32_t stride() { return step; }

    bool is_intact() const {
        for (std::uint32_t i = 0; i <= count_; ++i) {
            const auto* from = bytes_.data() + i * step + (i < count_ ? sizeof(T) : 0);
            const auto* to = bytes_.data() + (i + 1) * step;
            if (std::any_of(from, to, [](std::uint8_t byte) { return byte != guard_byte; })) return false;
        }
        return true;
    }

private:
    static constexpr std::uint8_t guard_byte = 0xA5;
    static constexpr std::uint32_t step = sizeof(T) + 64;  // a multiple of 8
    std::uint32_t count_;
    std::vector<std::uint8_t> bytes_;  // from malloc: aligned for T
};

}  // namespace volley::cli::plugin_check
