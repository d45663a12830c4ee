// Carries out what clients ask of dead-letter queues. Calls into connectors, and may block as long as they
// do. Thread: one at a time for a catalog.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "operations/api_exchange.hpp"
#include "operations/dead_letter_request.hpp"
#include "plugins/catalog.hpp"
#include "volley/config.hpp"

namespace volley::operations {

// What the work needs of the engine. All of it may be used after the engine has ended.
struct LetterSource {
    std::shared_ptr<const Config> config;
    plugins::Catalog& catalog;
    const std::atomic<bool>& stopping;
};

// The answer to any of the tasks but save. A task that has much to look through ends after two seconds, and
// its answer says where the next one has to begin.
ApiResponse carry_out(const LetterRequest& request, const LetterSource& source);

// A part of an export: lines of JSON. The part after which nothing follows has `ends`; an error ends it, too.
struct SavedLetters {
    std::string lines;
    queues::Place place;  // where the next part begins
    bool ends = false;
    std::optional<Error> error;
};
SavedLetters save_letters(const LetterRequest& request, const LetterSource& source);

// An error of a connector as an answer.
ApiResponse failed(const Error& error);

}  // namespace volley::operations
