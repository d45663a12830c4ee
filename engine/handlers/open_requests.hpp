// The messages that a child process is to handle and that are not finished, in the order in which they came,
// each with an id. Finishes them. Owned and used by one thread.
//
// Invariants: each message that is added is finished exactly once. Ids are consecutive and never used again.
// After drop_finished() the first message is not finished. A skipped message is finished when all before it
// in its group are.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "handlers/request_groups.hpp"
#include "volley/plugin.h"

namespace volley::handlers {

struct OpenRequest {
    volley_job* job = nullptr;
    const volley_message* message = nullptr;
    std::uint32_t attempt = 0;
    std::uint32_t group = 0;      // 0: none
    std::uint64_t batch = 0;      // the add() that it came with
    std::uint64_t line = 0;       // of the batch that it was sent in; 0: it has a line of its own
    std::uint64_t begins_at = 0;  // position of its line in the child's input
    std::chrono::steady_clock::time_point at_work_since{};  // zero: it is not at work
    bool is_sent = false;
    bool is_done = false;
    bool is_skipped = false;  // answered so, to be judged when all before it in its group are done
    bool is_alone = false;    // runs alone, because a child died with it and others at work
    bool is_told = false;     // the child knows that it is cancelled
    bool has_outputs = false;

    // Whether the child has it and has not answered it.
    bool is_in_child() const { return is_sent && !is_done && !is_skipped; }
};

// Records why the message fails, for people.
void explain(const volley_jobs& jobs, const OpenRequest& request, std::string_view why);

class OpenRequests {
public:
    explicit OpenRequests(const volley_jobs& jobs) : jobs_(jobs) {}
    OpenRequests(const OpenRequests&) = delete;
    OpenRequests& operator=(const OpenRequests&) = delete;

    // Adds the tasks, which stay pending until they are finished.
    void add(volley_task* tasks, std::uint32_t count, std::uint32_t stride);
    // A new child has none of the messages.
    void begin_child();

    // The messages in their order; some may be finished. References stay valid until drop_finished().
    std::deque<OpenRequest>& all() { return requests_; }
    const std::deque<OpenRequest>& all() const { return requests_; }
    RequestGroups& groups() { return groups_; }
    // The id of all()[i].
    std::uint64_t id_of(std::size_t i) const { return first_id_ + i; }
    // The message with this id, if it is in the child; otherwise null.
    OpenRequest* in_child(std::optional<std::uint64_t> id);

    // Whether all messages are finished.
    bool is_over() const { return requests_.empty(); }
    // Whether the child has messages that it has not answered.
    bool is_waiting() const { return in_child_ > 0; }
    // How many messages were finished since this object was made.
    std::uint64_t finished() const { return finished_; }

    // The message was sent, in a line at this position of the child's input.
    void send(OpenRequest& request, std::uint64_t begins_at);
    // An answer to the message no longer counts; it runs alone in the next child.
    void recall(OpenRequest& request);
    // The child has not started the message, because one before it in its group has failed.
    void skip(OpenRequest& request);
    // Ends the message with a status of the ABI. VOLLEY_AGAIN: it was not started.
    void finish(OpenRequest& request, std::int32_t status, std::uint64_t after_ms = 0,
                std::uint32_t reason = 0);
    void drop_finished();

private:
    void judge_skipped(std::uint32_t group);

    const volley_jobs& jobs_;
    std::deque<OpenRequest> requests_;
    RequestGroups groups_;
    std::uint64_t first_id_ = 1'000'000;
    std::uint64_t batches_ = 0;
    std::uint32_t in_child_ = 0;
    std::uint64_t finished_ = 0;
};

// Messages that are not answered are not started: the engine runs them again, and no attempt is counted.
void give_back(OpenRequests& requests);
// The same, without the messages that run alone in the next child.
void give_back_but_alone(OpenRequests& requests);

}  // namespace volley::handlers
