// What a check of a handler program says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volley::cli::conformance {

// warn: the program works, and something may surprise its author. skip: the check does not apply.
enum class Status : std::uint8_t { pass, warn, fail, skip };

struct Verdict {
    Status status = Status::pass;
    std::string reason;  // one line of UTF-8; may be empty for pass
};

inline Verdict passed(std::string reason = {}) { return {Status::pass, std::move(reason)}; }
inline Verdict skipped(std::string reason) { return {Status::skip, std::move(reason)}; }

// "sent …; came …; …": what the check did, what the program did, and what its author can do.
inline Verdict failed(const std::string& sent, const std::string& came, const std::string& advice) {
    return {Status::fail, "sent " + sent + "; came " + came + "; " + advice};
}
inline Verdict warned(const std::string& sent, const std::string& came, const std::string& advice) {
    return {Status::warn, "sent " + sent + "; came " + came + "; " + advice};
}

// The beginning of a line as a message shows it, without control characters.
std::string excerpt(std::string_view line);

}  // namespace volley::cli::conformance
