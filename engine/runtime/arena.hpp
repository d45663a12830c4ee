// Memory for copies of bytes that live as long as their message. An allocation bumps a pointer; reset() frees
// everything at once. The arena keeps its first chunk, so the steady state does not allocate from the heap.
// Not thread-safe: the thread that currently owns the message uses it.
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
    // Returns `size` bytes, aligned for any type. Valid until reset().
    void* allocate(std::size_t size) {
        const std::size_t aligned = (size + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
        if (aligned > left_) add_chunk(aligned);
        void* at = next_;
        next_ += aligned;
        left_ -= aligned;
        return at;
    }

    std::string_view copy(std::string_view bytes) {
        if (bytes.empty()) return {static_cast<const char*>(""), std::size_t{0}};
        void* at = allocate(bytes.size());
        std::memcpy(at, bytes.data(), bytes.size());
        return {static_cast<const char*>(at), bytes.size()};
    }

    // Returns the number of bytes taken from the heap.
    std::size_t capacity() const { return capacity_; }

    // Frees everything, and returns to the heap what an unusually large message took.
    void reset() {
        left_ += static_cast<std::size_t>(next_ - start_);
        next_ = start_;
        if (chunks_.size() > 1 || left_ > kept_size) keep_first();
    }

private:
    static constexpr std::size_t first_size = 256;
    static constexpr std::size_t kept_size = 1024;
    struct Chunk {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size;
    };

    void add_chunk(std::size_t least) {
        const std::size_t size = std::max(least, chunks_.empty() ? first_size : chunks_.back().size * 2);
        chunks_.push_back({std::make_unique<std::byte[]>(size), size});
        capacity_ += size;
        use(chunks_.back());
    }
    void keep_first() {
        chunks_.resize(chunks_.front().size <= kept_size ? 1 : 0);
        capacity_ = chunks_.empty() ? 0 : chunks_.front().size;
        if (chunks_.empty()) {
            start_ = next_ = nullptr;
            left_ = 0;
        } else {
            use(chunks_.front());
        }
    }
    void use(const Chunk& chunk) {
        start_ = next_ = chunk.bytes.get();
        left_ = chunk.size;
    }

    // The chunk in use is chunks_.back(). These fields cache its bounds.
    std::byte* start_ = nullptr;
    std::byte* next_ = nullptr;
    std::size_t left_ = 0;
    std::size_t capacity_ = 0;
    std::vector<Chunk> chunks_;
};

}  // namespace volley::runtime
