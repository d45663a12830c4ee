// The connection of a consumer, and the requests on it whose replies have not been read. Receives and commits
// are sent without waiting for a reply, so that Redis always has the next one to execute. Replies arrive in
// the order of the requests, so both kinds share one object.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "connection.hpp"
#include "event_fd.hpp"
#include "exclusive_run.hpp"

namespace volley::rsmq {

// Used by one thread.
class Pipeline {
public:
    using Clock = std::chrono::steady_clock;

    // A receive. Its reply is null while it is outstanding.
    struct Receive {
        Clock::time_point since;  // when it was posted, or, without pipelining, answered
        std::uint32_t max_messages;
        Reply reply;
    };
    // A posted commit whose outcome was not taken.
    struct PostedCommit {
        std::size_t commands;
        std::size_t acks;
        std::vector<Reply> replies;
        bool is_lost = false;  // the connection broke before its last reply
        bool is_complete() const { return is_lost || replies.size() == commands; }
    };

    // `interrupt` ends waits for a reply. It must outlive this.
    Pipeline(Settings settings, const EventFd& interrupt);

    const Settings& settings() const { return connection_.settings(); }
    // The connection; replies may be outstanding on it.
    Connection& connection() { return connection_; }
    // Reads all outstanding replies, then returns the connection. Throws as Connection::command.
    Connection& drained();
    ExclusiveRun& run() { return run_; }

    // Receives without pipelining. Returns only a reply for which is_receive_reply holds. Throws as
    // Connection::run.
    Receive receive(Script& script, std::uint32_t max_messages, std::uint64_t max_bytes);
    // Sends a receive. Throws as Connection::post. Requires: the digest of the script is known.
    void post_receive(const Script& script, std::uint32_t max_messages, std::uint64_t max_bytes);
    // Waits for the oldest receive. Returns nothing if no reply arrived within `ms`, the consumer was
    // interrupted, or the outcome of a commit arrived first. The reply may be an error. Requires: receives()
    // is not empty.
    std::optional<Receive> take_receive(std::int64_t ms);
    // Sends a commit with this number of acks. Throws as Connection::post.
    void post_commit(Request& commit, std::size_t acks);
    // Waits for the oldest commit and returns its replies. Returns none if they did not arrive within `ms` or
    // the consumer was interrupted. Throws Error{unknown} if they can no longer arrive. Requires: a posted
    // commit was not taken.
    std::vector<Reply> take_commit(std::int64_t ms);
    // Reads all outstanding replies; drops the connection if they take longer than this.
    void finish(std::int64_t ms);
    // Forgets the receives, and marks the commits, whose connection broke.
    void discard_lost();

    bool has_outstanding() const { return !outstanding_.empty(); }
    // The outcome of the oldest commit is known.
    bool has_outcome() const { return !commits_.empty() && commits_.front().is_complete(); }
    // Receives that take_receive has not returned, oldest first.
    std::deque<Receive>& receives() { return receives_; }
    const std::deque<PostedCommit>& commits() const { return commits_; }

private:
    enum class Kind { receive, commit };

    bool read_reply(std::int64_t ms, int interrupt_fd);

    const EventFd& interrupt_;
    Connection connection_;
    ExclusiveRun run_;
    std::deque<Kind> outstanding_;  // requests without a complete reply, oldest first
    std::deque<Receive> receives_;
    std::deque<PostedCommit> commits_;
};

}  // namespace volley::rsmq
