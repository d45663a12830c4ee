// Whether a class overrides a virtual method of its base, even if the base has overloads. Header-only, C++17.
#pragma once

#include <type_traits>

// Defines the trait<T, Base>: true if T, or a class between, overrides the method of Base with this result
// and these parameters (in parentheses). A private method counts as overridden.
#define VOLLEY_DETAIL_OVERRIDES(trait, result, method, parameters)                                        \
    template <typename Class>                                                                             \
    Class trait##_declarer(result(Class::*) parameters);                                                  \
    template <typename T, typename Base, typename = void>                                                 \
    struct trait : std::true_type {};                                                                     \
    template <typename T, typename Base>                                                                  \
    struct trait<T, Base, std::enable_if_t<std::is_same_v<decltype(trait##_declarer(&T::method)), Base>>> \
        : std::false_type {}
