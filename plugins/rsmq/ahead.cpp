// Receiving ahead: while the reply to a commit is on its way, Redis already takes the next messages for us.
#include <algorithm>

#include "consumer.hpp"

namespace volley::rsmq {

namespace {

// Fewer are not worth it: the consume that comes next asks for them together with others.
constexpr std::size_t least_ahead = 128;
constexpr std::size_t most_ahead = 3;  // with two Redis has nothing to do now and then

bool says_noscript(const redisReply& reply) {
    return reply.type == REDIS_REPLY_ERROR && text_of(&reply).substr(0, 8) == "NOSCRIPT";
}

bool has_messages(const redisReply& reply) { return reply.type == REDIS_REPLY_ARRAY && reply.elements == 7; }

}  // namespace

// Of a connection that broke nothing comes any more.
void RsmqConsumer::forget_outstanding() {
    if (!connection_.is_connected()) std::erase_if(ahead_, [](const Ahead& one) { return !one.reply; });
}

void RsmqConsumer::arrived(Ahead& one, Reply reply) {
    if (reply && has_messages(*reply)) note_stretch(*reply);
    one.reply = std::move(reply);
}

// Reads the replies of the first `most`.
void RsmqConsumer::absorb(std::size_t most) {
    for (std::size_t i = 0; i < most; ++i)
        if (!ahead_[i].reply) arrived(ahead_[i], connection_.next_reply());
}

Connection& RsmqConsumer::connection() {
    forget_outstanding();
    absorb(ahead_.size());
    return connection_;
}

void RsmqConsumer::post_ahead(std::size_t many) {
    if (many < least_ahead || ahead_.size() >= most_ahead || !more_is_there_ || receive_.sha.empty()) return;
    const std::uint32_t asked_for = wanted(static_cast<std::uint32_t>(many), most_bytes_);
    connection_.connect();
    const Settings& s = settings();
    const std::string most = std::to_string(asked_for), bytes = std::to_string(most_bytes_);
    connection_.post(receive_, {s.set_key, s.hash_key, stretch_key()}, {most, bytes, next_stretch()});
    ahead_.push_back({Clock::now(), asked_for, nullptr});
}

// The engine has room for more than what is asked for: so Redis has the next to do while we look at the
// first.
void RsmqConsumer::ask_for_rest(std::size_t room) {
    forget_outstanding();
    if (ahead_.empty()) return;
    std::size_t asked = 0;
    for (const Ahead& one : ahead_) asked += one.asked_for;
    if (room > asked) post_ahead(room - asked);
}

// What is received next is asked for when the commit is answered, not together with it: Redis answers all
// that it has read at once, so that the two answers would come together, and Redis would have nothing to do
// while the next commit is made.
std::vector<Reply> RsmqConsumer::exchange(Request& commit, std::size_t acks) {
    forget_outstanding();
    std::vector<Reply> replies;
    connection_.post(commit);
    try {
        absorb(ahead_.size());
        for (std::size_t i = 0; i < commit.commands(); ++i) replies.push_back(connection_.next_reply());
    } catch (const Error& error) {
        forget_outstanding();
        throw Error(ErrorCode::unknown, error.text);
    }
    try {
        post_ahead(acks);
    } catch (const Error&) {
        forget_outstanding();  // whoever comes next meets what is wrong
    }
    return replies;
}

std::size_t RsmqConsumer::ahead() const {
    std::size_t messages = 0;
    for (const Ahead& one : ahead_)
        if (one.reply && has_messages(*one.reply)) messages += one.reply->element[2]->elements;
    return messages;
}

// Whether messages came. If not, the reply may be outstanding still: not within `ms`, or interrupted.
bool RsmqConsumer::receive_ahead(volley_batch& batch, std::int64_t ms) {
    forget_outstanding();
    if (ahead_.empty()) return false;
    if (!ahead_.front().reply) {
        Reply reply;
        try {
            reply = connection_.next_reply(ms, interrupt_fd_);
        } catch (const Error&) {
            forget_outstanding();
            throw;
        }
        if (!reply) {
            take_interrupt();
            return false;
        }
        arrived(ahead_.front(), std::move(reply));
    }
    Ahead first = std::move(ahead_.front());
    ahead_.pop_front();
    asked_for_ = first.asked_for;
    if (says_noscript(*first.reply)) {
        receive_.sha.clear();
        return false;
    }
    Reply reply = connection_.checked(std::move(first.reply));
    // Nobody has extended their leases meanwhile.
    if (has_messages(*reply) &&
        Clock::now() - first.since > std::chrono::milliseconds(reply->element[1]->integer / 3)) {
        put_back(*reply, 0);
        return false;
    }
    return take_reply(batch, std::move(reply));
}

// What was received and cannot be returned is visible to others at once.
void RsmqConsumer::put_back(const redisReply& reply, std::size_t from) {
    const redisReply& ids = *reply.element[2];
    ReceiveCounts counts(reply);
    std::vector<std::string> receipts;
    for (std::size_t i = 0; i < ids.elements; ++i) receipts.push_back(std::to_string(counts.next()));
    Words arguments;
    for (std::size_t i = from; i < ids.elements; ++i)
        arguments.insert(arguments.end(), {text_of(ids.element[i]), receipts[i], "0"});
    const Settings& s = settings();
    connection().run(settle_, {s.set_key, s.hash_key}, arguments);
}

void RsmqConsumer::give_up_ahead(std::uint32_t timeout_ms) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    try {
        forget_outstanding();
        for (Ahead& one : ahead_) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
            if (!one.reply) arrived(one, connection_.next_reply(left.count(), -1));
            if (!one.reply) {
                connection_.drop();
                break;
            }
        }
        forget_outstanding();
        for (const Ahead& one : ahead_)
            if (has_messages(*one.reply)) put_back(*one.reply, 0);
    } catch (const Error& error) {
        context_.debug("what was received ahead is visible again when its lease ends: " + error.text);
    }
    ahead_.clear();
}

}  // namespace volley::rsmq
