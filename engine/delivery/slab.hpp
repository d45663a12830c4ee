// A Slab holds numbered entries that never move. It grows in chunks and never shrinks, so that the steady
// state allocates nothing. Growing is not thread-safe. Other threads may use entries that they own meanwhile.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace volley::delivery {

template <typename T>
class Slab {
public:
    static constexpr std::uint32_t chunk_size = 1024;
    // The array of chunk pointers is reserved at once, because it must not move while other threads read it.
    static constexpr std::uint32_t max_chunks = 4096;

    Slab() { chunks_.reserve(max_chunks); }

    // Requires: index < size().
    T& operator[](std::uint32_t index) { return (*chunks_[index / chunk_size])[index % chunk_size]; }
    const T& operator[](std::uint32_t index) const {
        return (*chunks_[index / chunk_size])[index % chunk_size];
    }

    std::uint32_t size() const { return static_cast<std::uint32_t>(chunks_.size()) * chunk_size; }

    // Makes size() > index. Requires: index < max_chunks * chunk_size.
    void grow_to(std::uint32_t index) {
        while (size() <= index) chunks_.push_back(std::make_unique<std::array<T, chunk_size>>());
    }

private:
    std::vector<std::unique_ptr<std::array<T, chunk_size>>> chunks_;
};

}  // namespace volley::delivery
