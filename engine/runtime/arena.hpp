// Copies of bytes that live as long as their message: one bump per copy, all freed at once. The first chunk
// is kept, so that the steady state allocates nothing. Not thread-safe: whoever has the message in hand owns
// it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace volley::runtime {

class Arena {
public:
    // Returns room for `size` bytes, aligned for any type; valid until reset().
    void* allocate(std::size_t size) {
        const std::size_t aligned = (size + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
        if (chunks_.empty() || used_ + aligned > chunks_.back().size) {
            const std::size_t room =
                std::max(aligned, chunks_.empty() ? std::size_t{256} : chunks_.back().size * 2);
            chunks_.push_back({std::make_unique<std::byte[]>(room), room});
            used_ = 0;
        }
        void* at = chunks_.back().bytes.get() + used_;
        used_ += aligned;
        return at;
    }

    std::string_view copy(std::string_view bytes) {
        if (bytes.empty()) return {static_cast<const char*>(""), std::size_t{0}};
        void* at = allocate(bytes.size());
        std::memcpy(at, bytes.data(), bytes.size());
        return {static_cast<const char*>(at), bytes.size()};
    }

    // Forgets everything, and gives back what one unusually large message took.
    void reset() {
        if (chunks_.empty()) return;
        if (chunks_.size() > 1 || chunks_.front().size > kept_size) {
            const bool keep = chunks_.front().size <= kept_size;
            chunks_.resize(keep ? 1 : 0);
        }
        used_ = 0;
    }

private:
    static constexpr std::size_t kept_size = 4096;
    struct Chunk {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size;
    };
    std::vector<Chunk> chunks_;
    std::size_t used_ = 0;
};

}  // namespace volley::runtime
