// What is asked of Redis without waiting: commits, and receives behind them, so that it always has the next
// to do. Replies come in the order of what was asked.
#include <algorithm>

#include "consumer.hpp"

namespace volley::rsmq {

namespace {

// Fewer are not worth it: the consume that comes next asks for them together with others.
constexpr std::size_t least_ahead = 128;
// One is here or under way while Redis does the other. With three, Redis comes back to a message after it has
// touched so many others that it has left the processor's cache: that costs it 4 % (bench/README.md).
constexpr std::size_t most_ahead = 2;

bool says_noscript(const redisReply& reply) {
    return reply.type == REDIS_REPLY_ERROR && text_of(&reply).substr(0, 8) == "NOSCRIPT";
}

// Requires: is_of_receive(reply), or it is an error.
bool has_messages(const redisReply& reply) { return reply.elements == 7; }

}  // namespace

// Of a connection that broke nothing comes any more.
void RsmqConsumer::forget_outstanding() {
    if (due_.empty() || connection_.is_connected()) return;
    due_.clear();
    std::erase_if(ahead_, [](const Ahead& one) { return !one.reply; });
    for (Posted& one : posted_)
        if (!one.is_over()) one.is_lost = true;
}

// Reads the next reply. false: it did not come within `ms`, or `other` was readable.
bool RsmqConsumer::absorb(std::int64_t ms, int other) {
    Reply reply = connection_.next_reply(ms, other);
    if (!reply) return false;
    if (due_.front() == Due::receive) {
        const bool is_sound = reply->type == REDIS_REPLY_ERROR || is_of_receive(*reply);
        reply = connection_.expected(std::move(reply), is_sound);
        const auto one = std::find_if(ahead_.begin(), ahead_.end(), [](const Ahead& a) { return !a.reply; });
        if (has_messages(*reply)) note_stretch(*reply);
        one->reply = std::move(reply);
    } else {
        const auto one =
            std::find_if(posted_.begin(), posted_.end(), [](const Posted& p) { return !p.is_over(); });
        one->replies.push_back(std::move(reply));
        if (!one->is_over()) return true;
    }
    due_.pop_front();
    return true;
}

Connection& RsmqConsumer::connection() {
    forget_outstanding();
    while (!due_.empty()) absorb(settings().command_timeout_ms, -1);
    return connection_;
}

// So that Redis has the next to do while we look at the last: whole batches, for small ones would stay small,
// unless nothing is on its way. The engine has room for what it said last, and for what is being committed.
void RsmqConsumer::ask_ahead() {
    std::size_t room = room_, asked = 0;
    for (const Posted& one : posted_) room += one.acks;
    for (const Ahead& one : ahead_) asked += one.asked_for;
    if (rest_) asked += received_[rest_->received].reply->element[2]->elements - rest_->from;
    while (ahead_.size() < most_ahead && more_is_there_ && !receive_.sha.empty() && room > asked) {
        const std::uint32_t many = wanted(static_cast<std::uint32_t>(room - asked), most_bytes_);
        if (many < wanted(script_batch, most_bytes_) && (!ahead_.empty() || many < least_ahead)) return;
        post_receive(many);
        asked += many;
    }
}

// Requires: its script is known.
void RsmqConsumer::post_receive(std::uint32_t asked_for) {
    connection_.connect();
    const Settings& s = settings();
    const std::string most = std::to_string(asked_for), bytes = std::to_string(most_bytes_);
    connection_.post(receive_, {s.set_key, s.hash_key, stretch_key()}, {most, bytes, next_stretch()});
    due_.push_back(Due::receive);
    ahead_.push_back({Clock::now(), asked_for, nullptr});
}

void RsmqConsumer::post(Request& commit, std::size_t acks) {
    forget_outstanding();
    connection_.post(commit);
    due_.push_back(Due::commit);
    posted_.push_back({commit.commands(), acks, {}});
    try {
        ask_ahead();
    } catch (const std::exception&) {
        connection_.drop();  // whoever asks for the outcome is told
        forget_outstanding();
    }
}

std::vector<Reply> RsmqConsumer::take_replies(std::int64_t ms) {
    forget_outstanding();
    try {
        while (!has_outcome())
            if (!absorb(ms, interrupt_fd_)) {
                take_interrupt();
                return {};
            }
    } catch (const Error&) {
        forget_outstanding();
    }
    Posted oldest = std::move(posted_.front());
    posted_.pop_front();
    if (oldest.is_lost) {
        throw Error(ErrorCode::unknown, "Redis at " + settings().place() +
                                            " did not answer a commit: the connection broke, or time was up");
    }
    return std::move(oldest.replies);
}

std::size_t RsmqConsumer::ahead() const {
    std::size_t messages = 0;
    for (const Ahead& one : ahead_)
        if (one.reply && has_messages(*one.reply)) messages += one.reply->element[2]->elements;
    if (rest_) messages += received_[rest_->received].reply->element[2]->elements - rest_->from;
    return messages;
}

// Requires: one is there, or on its way. The outcome of a commit ends the waiting, too.
RsmqConsumer::Got RsmqConsumer::receive_ahead(volley_batch& batch, std::int64_t ms) {
    while (!ahead_.front().reply) {
        if (has_outcome()) return Got::later;
        bool came = false;
        try {
            came = absorb(ms, interrupt_fd_);
        } catch (const Error&) {
            forget_outstanding();
            throw;
        }
        if (came) continue;
        take_interrupt();
        return Got::later;
    }
    Ahead first = std::move(ahead_.front());
    ahead_.pop_front();
    asked_for_ = first.asked_for;
    if (says_noscript(*first.reply)) {
        receive_.sha.clear();
        return Got::nothing;
    }
    return take_reply(batch, connection_.checked(std::move(first.reply)), first.since);
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
        while (!due_.empty()) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
            if (!absorb(left.count(), -1)) connection_.drop();
            forget_outstanding();
        }
        if (rest_) put_back(*received_[rest_->received].reply, rest_->from);
        for (const Ahead& one : ahead_)
            if (has_messages(*one.reply)) put_back(*one.reply, 0);
    } catch (const Error& error) {
        context_.debug("what was received ahead is visible again when its lease ends: " + error.text);
    }
    if (rest_) release(rest_->received);
    rest_.reset();
    ahead_.clear();
}

}  // namespace volley::rsmq
