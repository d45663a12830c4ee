// A short text that is copied for every message, in whole blocks and without a function call. Immutable.
// Thread: any.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace volley::runtime {

class PaddedText {
public:
    // The number of bytes that put() may write after the text.
    static constexpr std::size_t block = 16;

    PaddedText() = default;
    explicit PaddedText(std::string_view text) : bytes_(text), size_(text.size()) {
        bytes_.resize(size_ + block);
    }

    std::size_t size() const { return size_; }

    // Writes the text, and returns the end of it. Requires: space for size() + block bytes at `to`.
    char* put(char* to) const {
        for (std::size_t i = 0; i < size_; i += block) std::memcpy(to + i, bytes_.data() + i, block);
        return to + size_;
    }

private:
    std::string bytes_;
    std::size_t size_ = 0;
};

}  // namespace volley::runtime
