// What a client asks of a dead-letter queue, read from its request. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "operations/api_exchange.hpp"
#include "queues/letter_filter.hpp"
#include "queues/letter_scan.hpp"
#include "volley/config.hpp"

namespace volley::operations {

enum class LetterTask : std::uint8_t { list, reasons, show, save, retry, edit, remove };

struct LetterRequest {
    LetterTask task = LetterTask::list;
    std::string queue;
    std::vector<std::string> ids;  // empty: those that `filter` lets pass
    queues::LetterChoice choice;
    queues::LetterFilter filter;
    queues::Place place;      // where to begin
    std::uint64_t limit = 0;  // retry and remove: at most so many letters; list: of a page
    std::string to;           // retry: into this queue; empty: where each came from
    std::string body;         // edit: replaces the body
};

// Whether there is such a task: "dead_letters", "dead_letters/17", "dead_letters/retry", … behind /api/v1/.
// `writes`: for POST.
std::optional<LetterTask> letter_task(std::string_view what, bool writes);

// The request, or why it is refused. `config`: the queues that there are.
std::variant<LetterRequest, ApiResponse> read_letter_request(LetterTask task, std::string_view what,
                                                             const ApiRequest& request, const Config& config);

// For the audit: "dead: id 17", "dead: at most 12, reason schema".
std::string about(const LetterRequest& request);

}  // namespace volley::operations
