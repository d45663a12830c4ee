// The ABI's arrays as ranges. Header-only, C++17.
#pragma once

#include <cstddef>
#include <iterator>
#include <type_traits>

#include "volley/view.hpp"

namespace volley {
inline namespace v1 {

// An array of the ABI as a range: for (volley_settlement& s : settlements).
template <typename T>
class Strided {
public:
    class Iterator {
    public:
        using value_type = std::remove_const_t<T>;
        using difference_type = std::ptrdiff_t;
        using reference = T&;
        using pointer = T*;
        using iterator_category = std::input_iterator_tag;

        Iterator(T* base, std::size_t stride, std::size_t at) : base_(base), stride_(stride), at_(at) {}
        T& operator*() const { return element(base_, stride_, at_); }
        T* operator->() const { return &**this; }
        Iterator& operator++() { return ++at_, *this; }
        bool operator==(const Iterator& other) const { return at_ == other.at_; }
        bool operator!=(const Iterator& other) const { return at_ != other.at_; }

    private:
        T* base_;
        std::size_t stride_;
        std::size_t at_;
    };

    Strided(T* base, std::size_t count, std::size_t stride) : base_(base), count_(count), stride_(stride) {}

    std::size_t size() const { return count_; }
    bool empty() const { return count_ == 0; }
    // Requires: i < size().
    T& operator[](std::size_t i) const { return element(base_, stride_, i); }
    Iterator begin() const { return {base_, stride_, 0}; }
    Iterator end() const { return {base_, stride_, count_}; }

private:
    T* base_;
    std::size_t count_;
    std::size_t stride_;
};

}  // namespace v1
}  // namespace volley
