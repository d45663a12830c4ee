// Which dead letters are meant. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "letter.hpp"
#include "volley/error.hpp"

namespace volley::cli {

class LetterFilter {
public:
    // `since` as times.hpp has it, or empty; each of `matches` is "/pointer=value". Errors: config, with a
    // text for whoever typed it.
    static Result<LetterFilter> make(std::string reason, const std::string& since,
                                     const std::vector<std::string>& matches);
    bool matches(const Letter& letter) const;

private:
    std::string reason_;  // empty: any
    std::optional<std::int64_t> since_ms_;
    std::vector<std::pair<std::string, std::string>> bodies_;  // JSON pointer and value
};

}  // namespace volley::cli
