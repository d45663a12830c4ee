// C++ access to the ABI's views and strided arrays. Header-only, C++17.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "volley/plugin.h"

namespace volley {
inline namespace v1 {

// An absent view is empty, whatever its size is.
inline std::string_view text_of(const volley_view& v) {
    return v.data != nullptr ? std::string_view(static_cast<const char*>(v.data), v.size)
                             : std::string_view();
}

// Borrows `s` for as long as the view is used. An empty string is present, not absent.
inline volley_view view_of(std::string_view s) { return {s.data() != nullptr ? s.data() : "", s.size()}; }

inline bool is_absent(const volley_view& v) { return v.data == nullptr; }

// Element `i` of an array whose elements are `stride` bytes apart, whatever this side thinks sizeof(T) is.
template <typename T>
T& element(T* base, std::size_t stride, std::size_t i) {
    using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
    return *reinterpret_cast<T*>(reinterpret_cast<Byte*>(base) + stride * i);
}

}  // namespace v1
}  // namespace volley
