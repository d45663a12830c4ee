// The protocol state between the engine and a child: which messages the child has, which of them are at work,
// and which must not overtake others. Reads the lines of the child and writes those of the engine. No I/O.
// Each message that is added is finished exactly once, whatever the child writes.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "handlers/answer.hpp"
#include "handlers/lines.hpp"
#include "handlers/outbox.hpp"
#include "volley/plugin.h"

namespace volley::handlers {

class Exchange {
public:
    using Clock = std::chrono::steady_clock;

    // `component` is for the log, `longest_answer` for messages about lines that were cut. `concurrency`: how
    // many messages the child has at work at a time; more are sent ahead.
    // `queue` is the name of the input, for messages that do not name their source. `has_batches`: the tasks
    // of each add() are a batch for a child that takes such, and `concurrency` counts batches.
    Exchange(const volley_jobs& jobs, std::string component, std::size_t longest_answer,
             std::uint32_t concurrency = 1, std::string queue = {}, bool has_batches = false);

    // Adds the tasks, which stay pending until they are finished.
    void add(volley_task* tasks, std::uint32_t count, std::uint32_t stride);
    // Begins with a new child. It gets the messages that are not answered.
    void begin_child();
    // Whether all messages are finished.
    bool is_over() const { return requests_.empty(); }
    // Whether the child has messages that it has not answered.
    bool is_waiting() const { return in_child_ > 0; }
    // How many messages were finished since the exchange was made.
    std::uint64_t finished() const { return finished_; }

    // Appends the lines that may be sent now, until the outbox is long. Messages that are cancelled before
    // they were sent are finished as not started.
    void send_more(Outbox& outbox);
    // Tells the child, if it asked for it, which of its messages are cancelled.
    void send_cancelled(Outbox& outbox);
    // Whether the oldest message is not even waited for any more, because the time for a stop is over.
    bool is_given_up() const;

    // Handles a line of the child. Returns why the child must be replaced, or nothing.
    std::optional<std::string> take(const Line& line);
    // Whether the child has written a line of the protocol.
    bool has_spoken() const { return has_spoken_; }
    bool has_answered() const { return has_answered_; }
    // Why there may be no answer, as far as the child's output shows; empty if it shows nothing.
    std::string probable_cause() const;

    // Notes which messages are at work: the oldest that a child has, as many as it works on at a time,
    // without those behind one of their group.
    void note_at_work(Clock::time_point now);
    // When the first message that is at work has been there for `limit`; the maximum if none is.
    Clock::time_point first_deadline(Clock::duration limit) const;
    // Whether a child that has read so many bytes has begun to read a message that it has not answered.
    bool has_read_any(std::uint64_t bytes_read) const;

    // Fails the messages that have been at work for `limit`; those of a batch run alone in the next child.
    // The others that are at work go on; the rest is not started, and nothing is sent any more.
    void time_out(Clock::time_point now, Clock::duration limit, const std::string& why);
    // The child is gone. The message that was at work failed with it; if there were several, each runs alone
    // in the next child, because one of them did it. The rest is not started.
    void blame(std::uint64_t bytes_read, std::uint32_t reason, const std::string& why);
    // The child has ended by itself with several messages at work: each runs alone in the next child, because
    // one of them may end every child. With one or none at work this does nothing.
    void isolate(std::uint64_t bytes_read);
    // Messages that are not answered are not started: the engine runs them again, and no attempt is counted.
    void give_back();
    // The same, without the messages that run alone in the next child.
    void give_back_but_alone();
    // Sends nothing any more to this child.
    void stop_sending() { is_closed_ = true; }
    // Sends each child at most so many messages; 0: any number.
    void limit_messages(std::uint64_t most) { most_sent_ = most; }
    // Whether the child has had as many messages as it may, and has answered them.
    bool is_used_up() const { return is_limit_reached() && in_child_ == 0; }
    bool is_closed() const { return is_closed_; }

private:
    struct Request {
        volley_job* job = nullptr;
        const volley_message* message = nullptr;
        std::uint32_t attempt = 0;
        std::uint32_t group = 0;
        std::uint64_t batch = 0;            // 0: none
        std::uint64_t line = 0;             // of the batch that it was sent in; 0: it has a line of its own
        std::uint64_t begins_at = 0;        // position of its line in the child's input
        Clock::time_point at_work_since{};  // zero: it is not at work
        bool is_sent = false;
        bool is_done = false;
        bool is_skipped = false;  // answered so, to be judged when all before it in its group are done
        bool is_alone = false;    // runs alone, because a child died with it and others at work
        bool is_told = false;     // the child knows that it is cancelled
        bool has_outputs = false;
    };
    // Of an ordering group with messages in the exchange.
    struct Group {
        std::uint64_t chain = 0;  // its name for the child; another one when it comes back
        std::uint32_t open = 0;
        std::uint32_t skipped = 0;
        bool has_failed = false;
        bool is_lone = false;  // one was sent without its chain, and nothing more is until it is answered
        std::uint64_t looked_at = 0;  // by note_at_work()
    };

    Request* request_of(std::optional<std::uint64_t> id);
    bool is_limit_reached() const { return most_sent_ > 0 && sent_ >= most_sent_; }
    bool may_send(Request& request);
    void send(Request& request, std::uint64_t id, std::uint64_t begins_at, std::string& out);
    void send_batch(std::size_t first, Outbox& outbox);
    bool is_counted(const Request& request, std::uint32_t& at_work);
    void take_answer(Request& request);
    void take_wrong(std::string_view line, std::uint32_t reason, const std::string& why);
    void take_hello();
    void ignore(std::string_view line, std::string_view why);
    void emit(const Request& request, const AnswerOutput& output);
    void explain(const Request& request, std::string_view why);
    void finish(Request& request, std::int32_t status, std::uint64_t after_ms = 0, std::uint32_t reason = 0);
    void not_started(Request& request) { finish(request, VOLLEY_AGAIN); }
    void judge_skipped(std::uint32_t group);
    void drop_finished();
    std::vector<std::size_t> find_suspects(std::uint64_t bytes_read);
    bool is_in_company(std::size_t place) const;
    void recall(Request& request);
    void maybe_begin_call();

    const volley_jobs& jobs_;
    std::string component_;
    std::size_t longest_answer_;
    std::uint32_t concurrency_;
    std::string queue_;
    bool has_batches_;
    std::uint64_t most_sent_ = 0;

    // Of the child.
    bool has_spoken_ = false;
    bool has_answered_ = false;
    bool is_closed_ = false;
    bool keeps_groups_ = false;   // it skips messages behind a failure in their group
    bool takes_cancels_ = false;  // it wants to know of cancelled messages
    bool takes_source_ = false;   // it wants to know where messages are from
    bool takes_batches_ = false;  // it wants messages in lists
    std::uint64_t sent_ = 0;      // messages
    std::uint64_t ignored_ = 0;   // lines
    std::string last_ignored_;    // its beginning

    std::deque<Request> requests_;  // in the order they came; the first is not done
    std::uint64_t first_id_ = 1'000'000;
    std::size_t unsent_from_ = 0;  // all before it were sent, or are done
    std::uint32_t in_child_ = 0;
    std::uint64_t finished_ = 0;
    std::unordered_map<std::uint32_t, Group> groups_;
    std::uint64_t chains_ = 0;
    std::uint64_t call_ = 1;            // to a child a failure counts within a call
    std::uint64_t failed_in_call_ = 0;  // groups
    std::uint64_t looks_ = 0;
    std::uint64_t batches_ = 0;
    std::uint64_t lines_ = 0;                   // of batches
    std::vector<std::uint64_t> lines_at_work_;  // reused by note_at_work()
    Answer answer_;
};

}  // namespace volley::handlers
