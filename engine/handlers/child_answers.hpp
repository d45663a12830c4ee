// Reads the lines of a child and carries out what they say: outputs, and how messages end. A line that is no
// answer to a message that the child has is ignored. Owned and used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "handlers/answer.hpp"
#include "handlers/child_state.hpp"
#include "handlers/ignored_lines.hpp"
#include "handlers/lines.hpp"
#include "handlers/open_requests.hpp"

namespace volley::handlers {

class ChildAnswers {
public:
    // `component` is for the log, `longest_answer` for messages about lines that were cut. `has_batches`: the
    // component has batches, so that it matters whether the child takes them. Borrows all references.
    ChildAnswers(const volley_jobs& jobs, OpenRequests& requests, ChildState& child, std::string component,
                 std::size_t longest_answer, bool has_batches);

    void begin_child() { ignored_.clear(); }
    // Handles a line of the child. Returns why the child must be replaced, or nothing.
    std::optional<std::string> take(const Line& line);
    // Why there may be no answer, as far as the child's output shows; empty if it shows nothing.
    std::string probable_cause() const;

private:
    void take_answer(OpenRequest& request);
    void take_wrong(std::string_view line, std::uint32_t reason, const std::string& why);
    void take_hello();
    void emit(const OpenRequest& request, const AnswerOutput& output);

    const volley_jobs& jobs_;
    OpenRequests& requests_;
    ChildState& child_;
    IgnoredLines ignored_;
    std::size_t longest_answer_;
    bool has_batches_;
    Answer answer_;  // reused
};

}  // namespace volley::handlers
