#include "receiver.hpp"

#include <algorithm>
#include <cstdlib>

#include "receive_reply.hpp"

namespace volley::rsmq {

namespace {

// A larger reply would delay other clients of Redis.
constexpr std::uint64_t max_reply_bytes = 8U << 20U;
// A smaller prefetch is not worth a request: the next receive gets these messages together with others.
constexpr std::size_t min_prefetch = 128;
// One is received or in transit while Redis executes the other. With three, Redis returns to a message only
// after it has touched so many others that the message has left the processor's cache, which costs 4 %
// (bench/README.md).
constexpr std::size_t max_prefetches = 2;

bool is_noscript(const redisReply& reply) {
    return reply.type == REDIS_REPLY_ERROR && text_of(&reply).substr(0, 8) == "NOSCRIPT";
}

// The visibility timeouts of prefetched messages are not extended, so after a third of the timeout they are
// no longer passed to the engine.
bool is_stale(const redisReply& reply, Pipeline::Clock::time_point since) {
    return Pipeline::Clock::now() - since > std::chrono::milliseconds(lease_ms(reply) / 3);
}

}  // namespace

Receiver::Receiver(const Context& context, Pipeline& pipeline, Deliveries& deliveries, Settler& settler)
    : context_(context), pipeline_(pipeline), deliveries_(deliveries), settler_(settler) {}

// The number of messages to request. Redis's Lua copies the bodies of all of them, including those that do
// not fit into max_bytes_.
std::uint32_t Receiver::batch_size(std::size_t room) const {
    const auto most = static_cast<std::uint32_t>(std::min<std::size_t>(room, script_batch));
    if (mean_bytes_ == 0) return most;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(max_bytes_ / mean_bytes_ + 1, 1, most));
}

Receiver::Result Receiver::receive(volley_batch& batch, std::int64_t ms) {
    max_bytes_ = std::min(batch.max_bytes > 0 ? batch.max_bytes : max_reply_bytes, max_reply_bytes);
    room_ = batch.capacity;
    pipeline_.discard_lost();
    if (!pipeline_.has_outstanding() && (remainder_ || !pipeline_.receives().empty())) prefetch();
    if (remainder_) return take_remainder(batch);
    if (pipeline_.receives().empty()) {
        const std::uint32_t size = batch_size(batch.capacity);
        if (!pipeline_.has_outstanding() || script_.sha.empty())
            return take(batch, pipeline_.receive(script_, size, max_bytes_));
        // A commit is outstanding: the receive follows it, and the outcome of the commit ends the wait.
        pipeline_.post_receive(script_, size, max_bytes_);
    }
    auto received = pipeline_.take_receive(ms);
    if (!received) return Result::pending;
    if (is_noscript(*received->reply)) {
        script_.sha.clear();
        return Result::empty;
    }
    received->reply = pipeline_.connection().checked(std::move(received->reply));
    return take(batch, std::move(*received));
}

Receiver::Result Receiver::take(volley_batch& batch, Pipeline::Receive received) {
    next_visible_ms_ = -1;
    was_full_ = false;
    const redisReply& reply = *received.reply;
    if (is_queue_missing(reply)) {
        // Another client deleted the queue, or Redis restarted without it.
        ensure_queue(pipeline_.drained());
        return Result::empty;
    }
    if (has_messages(reply)) {
        was_full_ = message_count(reply) == received.max_messages;
        if (message_count(reply) == 0) return Result::empty;
        remainder_ = {deliveries_.add_batch(std::move(received.reply)), 0, received.since};
        return take_remainder(batch);
    }
    if (has_next_visible(reply)) {
        const double at = std::strtod(next_visible_at(reply), nullptr);
        next_visible_ms_ =
            std::max<std::int64_t>(static_cast<std::int64_t>(std::min(at, 1e15)) - server_time_ms(reply), 0);
    }
    return Result::empty;
}

// Requires: remainder_.
Receiver::Result Receiver::take_remainder(volley_batch& batch) {
    const std::uint32_t index = remainder_->batch;
    const redisReply& reply = *deliveries_.batch(index).reply;
    if (is_stale(reply, remainder_->since)) {
        // All of them, because those received later must not overtake those received first.
        pipeline_.drained();
        release_prefetched();
        return Result::empty;
    }
    fill(batch);
    if (remainder_->next == message_count(reply)) {
        remainder_.reset();
        deliveries_.release_batch(index);
    }
    return Result::messages;
}

// Requires: no reply is outstanding. Throws as Connection::run.
void Receiver::release_prefetched() {
    if (remainder_) {
        settler_.release(*deliveries_.batch(remainder_->batch).reply, remainder_->next);
        deliveries_.release_batch(remainder_->batch);
        remainder_.reset();
    }
    for (auto& receives = pipeline_.receives(); !receives.empty(); receives.pop_front())
        if (has_messages(*receives.front().reply)) settler_.release(*receives.front().reply, 0);
}

void Receiver::fill(volley_batch& batch) {
    ReceivedBatch& received = deliveries_.batch(remainder_->batch);
    const redisReply& reply = *received.reply;
    const auto lease = static_cast<std::uint32_t>(std::min<std::int64_t>(lease_ms(reply), 4'000'000'000LL));
    const bool open_envelopes = pipeline_.settings().envelope;
    ReceiveCounts counts(reply);
    for (std::size_t i = 0; i < remainder_->next; ++i) counts.next();
    std::uint64_t bytes = 0;
    for (std::size_t& i = remainder_->next; i < message_count(reply) && batch.count < batch.capacity; ++i) {
        const redisReply *id = ids(reply).element[i], *body = bodies(reply).element[i];
        const std::int64_t count = counts.next();
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        m.handle = deliveries_.open(remainder_->batch, text_of(id), count);
        m.lease_ms = lease;
        fill_message(m, id, body, count, open_envelopes, received.envelopes);
        bytes += body->len;
    }
    mean_bytes_ = bytes / std::max<std::uint32_t>(batch.count, 1);
    room_ -= batch.count;
}

// The engine has room for the free part of its last batch, and for the messages that are being committed.
// Requests only full batches, because small ones would stay small, unless no receive is in flight.
void Receiver::prefetch() {
    std::size_t room = room_, asked = remaining();
    for (const Pipeline::PostedCommit& one : pipeline_.commits()) room += one.acks;
    for (const Pipeline::Receive& one : pipeline_.receives()) asked += one.max_messages;
    while (pipeline_.receives().size() < max_prefetches && was_full_ && !script_.sha.empty() &&
           room > asked) {
        const std::uint32_t size = batch_size(room - asked);
        if (size < batch_size(script_batch) && (!pipeline_.receives().empty() || size < min_prefetch)) return;
        pipeline_.post_receive(script_, size, max_bytes_);
        asked += size;
    }
}

void Receiver::prefetch_behind_commit() {
    try {
        prefetch();
    } catch (const std::exception&) {
        pipeline_.connection().drop();
        pipeline_.discard_lost();
    }
}

std::size_t Receiver::remaining() const {
    if (!remainder_) return 0;
    return message_count(*deliveries_.batch(remainder_->batch).reply) - remainder_->next;
}

std::size_t Receiver::prefetched() const {
    std::size_t messages = remaining();
    for (const Pipeline::Receive& one : pipeline_.receives())
        if (one.reply && has_messages(*one.reply)) messages += message_count(*one.reply);
    return messages;
}

void Receiver::close(std::uint32_t timeout_ms) {
    try {
        pipeline_.finish(timeout_ms);
        release_prefetched();
    } catch (const Error& error) {
        context_.debug("prefetched messages become visible when their visibility timeouts end: " +
                       error.text);
    }
    if (remainder_) deliveries_.release_batch(remainder_->batch);
    remainder_.reset();
    pipeline_.receives().clear();
}

}  // namespace volley::rsmq
