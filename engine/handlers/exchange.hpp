// The protocol state of a call of the handler: which messages the child has, which it has answered, and which
// must not overtake others. Reads the lines of the child and writes those of the engine. No I/O, no clock.
// Each message of a call gets exactly one status, whatever the child writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/answer.hpp"
#include "handlers/lines.hpp"
#include "handlers/outbox.hpp"
#include "volley/plugin.h"

namespace volley::handlers {

class Exchange {
public:
    // `component` is for the log, `longest_answer` for messages about lines that were cut.
    Exchange(const volley_jobs& jobs, std::string component, std::size_t longest_answer);

    // Begins a call. The child may have served earlier calls.
    void begin(volley_task* tasks, std::uint32_t count, std::uint32_t stride);
    // Begins with a new child. It gets the messages that are not answered.
    void begin_child();
    // Whether all messages have their status.
    bool is_over() const { return first_ == count_; }
    // The oldest message that is not answered. Requires: !is_over().
    std::size_t oldest() const { return first_; }
    volley_task& task(std::size_t i) const;
    // Whether the child has messages that it has not answered.
    bool is_waiting() const { return first_ < sent_; }
    bool is_cancelled() const;

    // Appends the lines that may be sent now, until the outbox is long.
    void send_more(Outbox& outbox);
    // Tells the child, if it asked for it, which of its messages are cancelled.
    void send_cancelled(Outbox& outbox);

    // Handles a line of the child. Returns why the child must be replaced, or nothing.
    std::optional<std::string> take(const Line& line);
    // Whether the child has written a line of the protocol.
    bool has_spoken() const { return has_spoken_; }
    bool has_answered() const { return has_answered_; }
    // Whether a child that has read so many bytes has begun to read the oldest message that is not answered.
    bool oldest_was_read(std::uint64_t bytes_read) const;

    // Ends the call. The oldest message failed with the child; those behind it were not started.
    void blame(std::uint32_t reason, const std::string& why);
    // Ends the call. Messages that are not answered were not started: the engine runs them again, and no
    // attempt is counted.
    void give_back();

private:
    void take_answer(std::size_t i);
    void take_wrong(std::string_view line, std::uint32_t reason, const std::string& why);
    void take_hello();
    void ignore(std::string_view line, std::string_view why);
    std::optional<std::size_t> index_of(std::optional<std::uint64_t> id) const;
    void emit(std::size_t i, const AnswerOutput& output);
    void settle(std::size_t i, std::int32_t status);
    void explain(std::size_t i, std::string_view why);
    void judge_skipped();

    const volley_jobs& jobs_;
    std::string component_;
    std::size_t longest_answer_;

    // Of the child.
    bool has_spoken_ = false;
    bool has_answered_ = false;
    bool keeps_groups_ = false;               // it skips messages behind a failure in their group
    bool takes_cancels_ = false;              // it wants to know of cancelled messages
    std::uint64_t ignored_ = 0;               // lines
    std::vector<std::uint32_t> lone_groups_;  // of unanswered messages that were sent without it

    // Of the call.
    volley_task* tasks_ = nullptr;
    std::uint32_t stride_ = 0;
    std::size_t count_ = 0;
    std::size_t sent_ = 0;   // messages before it were sent, or need not be
    std::size_t first_ = 0;  // the oldest that is not answered
    std::vector<bool> done_;
    std::vector<bool> told_;                // the child knows that the message is cancelled
    std::vector<std::uint64_t> begins_at_;  // position in the child's input
    std::vector<std::size_t> skipped_;
    std::vector<std::uint32_t> failed_groups_;  // no more messages of these are sent in this call
    std::uint64_t call_ = 0;
    std::uint64_t base_id_ = 0;
    Answer answer_;
};

}  // namespace volley::handlers
