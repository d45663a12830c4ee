// Which dead letters are meant. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "queues/letter.hpp"
#include "volley/error.hpp"

namespace volley::queues {

// What a client writes. Empty: any. Reason and component "-": the letter does not say.
struct LetterChoice {
    std::string reason;
    std::string component;
    std::string since;                 // failed at that time or later, as times.hpp has it
    std::string before;                // failed before that time
    std::vector<std::string> matches;  // "/pointer=value": of a JSON body
};

class LetterFilter {
public:
    // Errors: config, with a text for the client. `option_prefix` is what stands before the names of its
    // options: "--" on a command line.
    static Result<LetterFilter> make(const LetterChoice& choice, const std::string& option_prefix);
    bool matches(const Letter& letter) const;

private:
    std::string reason_;
    std::string component_;
    std::optional<std::int64_t> since_ms_;
    std::optional<std::int64_t> before_ms_;                    // a letter that does not say when passes
    std::vector<std::pair<std::string, std::string>> bodies_;  // JSON pointer and value
};

}  // namespace volley::queues
