// The JSON of dead letters in the API. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "queues/letter.hpp"
#include "queues/letter_scan.hpp"

namespace volley::operations {

// Letters of one component with one reason.
struct LetterGroup {
    std::string component;
    std::string reason;
    std::uint64_t count = 0;
    double first_failed_seconds = 0;  // Unix time; 0: it is not known
    double last_failed_seconds = 0;
    std::string last_error;

    void add(const queues::Letter& letter);
};

// What became of the letters of a request that writes.
struct LetterOutcome {
    std::uint64_t done = 0;
    std::uint64_t failed_count = 0;
    std::vector<std::pair<std::string, std::string>> failed;  // the first ones: id and why
    std::vector<std::string> missing;                         // ids that are not there; counted as failed
    std::optional<queues::Place> place;                       // where the rest is; nothing: there is none

    void fail(const std::string& id, const std::string& why);
    void miss(const std::string& id);
};

// `held`: how many letters the queue has; -1: the store does not say. `next`: where the next page begins.
std::string letters_json(const std::string& queue, const std::vector<queues::Letter>& letters,
                         std::int64_t held, const std::optional<queues::Place>& next);
std::string groups_json(const std::string& queue, const std::vector<LetterGroup>& groups,
                        std::uint64_t others, std::int64_t held, const std::optional<queues::Place>& next);
// The whole letter. Of a body above 1 MiB, only its beginning.
std::string letter_json(queues::Letter letter);
// `before`: the time before which the letters of the request failed; empty: any.
std::string outcome_json(const std::string& queue, const std::string& before, const LetterOutcome& outcome,
                         const std::string& error);

}  // namespace volley::operations
