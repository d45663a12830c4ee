// Errors as values. The codes are exactly the ABI's (plugin.h): codes decide, texts explain. Header-only,
// C++17, depends only on plugin.h: the SDK throws Error, the engine returns it in a Result.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "volley/plugin.h"

namespace volley {
inline namespace v1 {

// The negative statuses of plugin.h. What the engine does with each (docs/plugin-contract.md has the
// details):
enum class ErrorCode : std::int32_t {
    retry = VOLLEY_E_RETRY,                // temporary fault: backs off and calls again
    permanent = VOLLEY_E_PERMANENT,        // this message or call can never succeed
    fatal = VOLLEY_E_FATAL,                // the instance failed: a handler is replaced, else exit 70
    config = VOLLEY_E_CONFIG,              // the configuration must be changed: exit 78
    fenced = VOLLEY_E_FENCED,              // another process took its place: exit 79
    unauthorized = VOLLEY_E_UNAUTHORIZED,  // credentials refused: exit 77
    lost = VOLLEY_E_LOST,                  // the delivery belongs to another consumer
    unknown = VOLLEY_E_UNKNOWN,            // it may have happened; doing it again may duplicate
    too_large = VOLLEY_E_TOO_LARGE,        // permanent: over a size limit
    unsupported = VOLLEY_E_UNSUPPORTED,    // permanent: the store does not support it
};

// A failure, for operators: what happened, to what, and how to fix it; contains no secrets. Plugin code
// throws it (the SDK converts it into a status), engine code returns it.
struct Error : std::exception {
    Error(ErrorCode error_code, std::string error_text, std::string config_field = {})
        : code(error_code), text(std::move(error_text)), field(std::move(config_field)) {}
    const char* what() const noexcept override { return text.c_str(); }

    ErrorCode code;
    std::string text;
    std::string field;  // code config: JSON pointer of the wrong key, "/bootstrap.servers"; else empty
    std::uint32_t retry_after_ms = 0;  // code retry: a hint; 0 none
};

// A value or an Error; the interface of std::expected, which g++ 12 lacks in C++20.
template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : value_(std::move(value)) {}
    Result(Error error) : error_(std::move(error)) {}

    bool has_value() const { return value_.has_value(); }
    explicit operator bool() const { return has_value(); }
    // Requires: has_value().
    T& value() { return assert(value_), *value_; }
    const T& value() const { return assert(value_), *value_; }
    T& operator*() { return value(); }
    const T& operator*() const { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    // Requires: !has_value().
    Error& error() { return assert(error_), *error_; }
    const Error& error() const { return assert(error_), *error_; }

private:
    std::optional<T> value_;
    std::optional<Error> error_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool has_value() const { return !error_.has_value(); }
    explicit operator bool() const { return has_value(); }
    // Requires: !has_value().
    Error& error() { return assert(error_), *error_; }
    const Error& error() const { return assert(error_), *error_; }

private:
    std::optional<Error> error_;
};

}  // namespace v1
}  // namespace volley
