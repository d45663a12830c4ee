// Converts the static members of a class into the flags of the ABI. Header-only, C++17.
#pragma once

#include <cstdint>
#include <type_traits>

#include "volley/plugin.h"

namespace volley {
inline namespace v1 {
namespace detail {

template <typename T, typename = void>
struct config_schema_of {
    static constexpr const char* value = nullptr;
};
template <typename T>
struct config_schema_of<T, std::void_t<decltype(T::config_schema)>> {
    static constexpr const char* value = T::config_schema;
};

template <typename T, typename = void>
struct summary_of {
    static constexpr const char* value = nullptr;
};
template <typename T>
struct summary_of<T, std::enable_if_t<std::is_same_v<decltype(&T::summary), const char* const*>>> {
    static constexpr const char* value = T::summary;
};

template <typename T, typename = void>
struct flags_of : std::integral_constant<std::uint64_t, 0> {};
template <typename T>
struct flags_of<T, std::void_t<decltype(T::flags)>> : std::integral_constant<std::uint64_t, T::flags> {};

// The bit of a member `static constexpr bool`, if there is one and it is true.
#define VOLLEY_DETAIL_FLAG(member, bit)                                                          \
    template <typename T, typename = void>                                                       \
    struct says_##member : std::integral_constant<std::uint64_t, 0> {};                          \
    template <typename T>                                                                        \
    struct says_##member<T, std::enable_if_t<std::is_same_v<decltype(&T::member), const bool*>>> \
        : std::integral_constant<std::uint64_t, T::member ? (bit) : 0> {}
VOLLEY_DETAIL_FLAG(thread_safe, VOLLEY_THREAD_SAFE);
VOLLEY_DETAIL_FLAG(bounded, VOLLEY_BOUNDED);
VOLLEY_DETAIL_FLAG(can_key, VOLLEY_CAN_KEY);
VOLLEY_DETAIL_FLAG(can_headers, VOLLEY_CAN_HEADERS);
VOLLEY_DETAIL_FLAG(can_delay, VOLLEY_CAN_DELAY);
VOLLEY_DETAIL_FLAG(can_dedup, VOLLEY_CAN_DEDUP);
VOLLEY_DETAIL_FLAG(can_tombstone, VOLLEY_CAN_TOMBSTONE);
VOLLEY_DETAIL_FLAG(ordered, VOLLEY_ORDERED);
VOLLEY_DETAIL_FLAG(json_bodies, VOLLEY_JSON_BODIES);
#undef VOLLEY_DETAIL_FLAG

template <typename T>
constexpr std::uint64_t class_flags() {
    return flags_of<T>::value | says_thread_safe<T>::value | says_bounded<T>::value | says_can_key<T>::value |
           says_can_headers<T>::value | says_can_delay<T>::value | says_can_dedup<T>::value |
           says_can_tombstone<T>::value | says_ordered<T>::value | says_json_bodies<T>::value;
}

}  // namespace detail
}  // namespace v1
}  // namespace volley
