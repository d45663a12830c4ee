#include "pipeline.hpp"

#include <algorithm>

#include "receive_reply.hpp"

namespace volley::rsmq {

Pipeline::Pipeline(Settings settings, const EventFd& interrupt)
    : interrupt_(interrupt), connection_(std::move(settings)), run_(connection_.settings()) {}

void Pipeline::discard_lost() {
    if (outstanding_.empty() || connection_.is_connected()) return;
    outstanding_.clear();
    std::erase_if(receives_, [](const Receive& one) { return !one.reply; });
    for (PostedCommit& one : commits_)
        if (!one.is_complete()) one.is_lost = true;
}

// Reads the next reply. Returns false if it did not arrive within `ms`, or `interrupt_fd` became readable.
bool Pipeline::read_reply(std::int64_t ms, int interrupt_fd) {
    Reply reply = connection_.next_reply(ms, interrupt_fd);
    if (!reply) return false;
    if (outstanding_.front() == Kind::receive) {
        const bool is_sound = reply->type == REDIS_REPLY_ERROR || is_receive_reply(*reply);
        reply = connection_.expected(std::move(reply), is_sound);
        const auto one =
            std::find_if(receives_.begin(), receives_.end(), [](const Receive& r) { return !r.reply; });
        if (has_messages(*reply)) run_.note_receive(run_name(*reply));
        one->reply = std::move(reply);
    } else {
        const auto one = std::find_if(commits_.begin(), commits_.end(),
                                      [](const PostedCommit& c) { return !c.is_complete(); });
        one->replies.push_back(std::move(reply));
        if (!one->is_complete()) return true;
    }
    outstanding_.pop_front();
    return true;
}

Connection& Pipeline::drained() {
    discard_lost();
    while (!outstanding_.empty()) read_reply(settings().server.command_timeout_ms, -1);
    return connection_;
}

Pipeline::Receive Pipeline::receive(Script& script, std::uint32_t max_messages, std::uint64_t max_bytes) {
    drained().connect();
    const Settings& s = settings();
    const std::string messages = std::to_string(max_messages), bytes = std::to_string(max_bytes);
    const std::string& run = run_.next_name(connection_.times_connected());
    Reply reply = connection_.run(script, {s.set_key, s.hash_key, run_.key()}, {messages, bytes, run});
    const bool is_sound = is_receive_reply(*reply);
    reply = connection_.expected(std::move(reply), is_sound);
    if (has_messages(*reply)) run_.note_receive(run_name(*reply));
    return {Clock::now(), max_messages, std::move(reply)};
}

void Pipeline::post_receive(const Script& script, std::uint32_t max_messages, std::uint64_t max_bytes) {
    connection_.connect();
    const Settings& s = settings();
    const std::string messages = std::to_string(max_messages), bytes = std::to_string(max_bytes);
    const std::string& run = run_.next_name(connection_.times_connected());
    connection_.post(script, {s.set_key, s.hash_key, run_.key()}, {messages, bytes, run});
    outstanding_.push_back(Kind::receive);
    receives_.push_back({Clock::now(), max_messages, nullptr});
}

std::optional<Pipeline::Receive> Pipeline::take_receive(std::int64_t ms) {
    while (!receives_.front().reply) {
        if (has_outcome()) return std::nullopt;
        bool has_come = false;
        try {
            has_come = read_reply(ms, interrupt_.fd());
        } catch (const Error&) {
            discard_lost();
            throw;
        }
        if (has_come) continue;
        interrupt_.clear();
        return std::nullopt;
    }
    Receive oldest = std::move(receives_.front());
    receives_.pop_front();
    return oldest;
}

void Pipeline::post_commit(Request& commit, std::size_t acks) {
    discard_lost();
    connection_.post(commit);
    outstanding_.push_back(Kind::commit);
    commits_.push_back({commit.commands(), acks, {}});
}

std::vector<Reply> Pipeline::take_commit(std::int64_t ms) {
    discard_lost();
    try {
        while (!has_outcome())
            if (!read_reply(ms, interrupt_.fd())) {
                interrupt_.clear();
                return {};
            }
    } catch (const Error&) {
        discard_lost();
    }
    PostedCommit oldest = std::move(commits_.front());
    commits_.pop_front();
    if (oldest.is_lost) {
        throw Error(ErrorCode::unknown, "Redis at " + settings().server.place() +
                                            " did not answer a commit: the connection broke or timed out");
    }
    return std::move(oldest.replies);
}

void Pipeline::finish(std::int64_t ms) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(ms);
    discard_lost();
    while (!outstanding_.empty()) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (!read_reply(left.count(), -1)) connection_.drop();
        discard_lost();
    }
}

}  // namespace volley::rsmq
