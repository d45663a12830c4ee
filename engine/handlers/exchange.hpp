// What a call of the handler and its child owe each other: which messages the child has, which it has
// answered, and which may not overtake which. It reads the child's lines and writes ours; it does no I/O and
// knows no clock. Each message of a call gets one status, whatever the child writes.
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
    // `component` is for the log, `longest_answer` for the words about a line that was cut.
    Exchange(const volley_jobs& jobs, std::string component, std::size_t longest_answer);

    // A call begins; the child may be of an earlier one.
    void begin(volley_task* tasks, std::uint32_t count, std::uint32_t stride);
    // A child begins: it gets what is not answered from the first message on.
    void begin_child();
    // All messages have their status.
    bool is_over() const { return first_ == count_; }
    // The oldest that is not answered. Requires: !is_over().
    std::size_t oldest() const { return first_; }
    volley_task& task(std::size_t i) const;
    // The child has messages that it has not answered.
    bool is_waiting() const { return first_ < sent_; }
    bool is_cancelled() const;

    // Appends what may be sent now, as far as the outbox is not long already.
    void send_more(Outbox& outbox);
    // Tells a child that wants to know of its messages that nobody waits for any more.
    void send_cancelled(Outbox& outbox);

    // Reads a line of the child. Returns why it must be replaced, or nothing.
    std::optional<std::string> take(const Line& line);
    // The child has said anything that is of the protocol.
    bool has_spoken() const { return has_spoken_; }
    bool has_answered() const { return has_answered_; }
    // Had the child read of the oldest message that it has not answered, if it read so many bytes of ours?
    bool oldest_was_read(std::uint64_t bytes_read) const;

    // Ends the call. The oldest message failed with the child; what stood behind it is not started.
    void blame(std::uint32_t reason, const std::string& why);
    // Ends the call. What is not answered is not started: the engine hands it out again, and no attempt is
    // counted.
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
    bool keeps_chains_ = false;               // it leaves out what stands behind a failure in its chain
    bool takes_cancels_ = false;              // it wants to know what nobody waits for
    std::uint64_t ignored_ = 0;               // lines
    std::vector<std::uint32_t> lone_chains_;  // of messages that it got without their chain, and not answered

    // Of the call.
    volley_task* tasks_ = nullptr;
    std::uint32_t stride_ = 0;
    std::size_t count_ = 0;
    std::size_t sent_ = 0;   // messages before it were sent, or need not be
    std::size_t first_ = 0;  // the oldest that is not answered
    std::vector<bool> done_;
    std::vector<bool> told_;                // it is cancelled, and the child knows
    std::vector<std::uint64_t> begins_at_;  // in the child's input
    std::vector<std::size_t> skipped_;
    std::vector<std::uint32_t> failed_chains_;  // nothing more of them in this call
    std::uint64_t call_ = 0;
    std::uint64_t base_id_ = 0;
    Answer answer_;
};

}  // namespace volley::handlers
