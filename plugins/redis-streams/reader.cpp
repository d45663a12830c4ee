#include "reader.hpp"

#include <algorithm>

#include "entry.hpp"

namespace volley::streams {

namespace {

// A larger reply would delay other clients of Redis.
constexpr std::uint64_t max_reply_bytes = 8U << 20U;
constexpr std::uint32_t first_read = 32;  // before the size of a message is known
constexpr std::int64_t longest_block_ms = 1000;
// Redis ends a block when its timer ticks, 10 times a second unless `hz` differs. A read that stays
// outstanding takes messages that nobody requested.
constexpr std::int64_t block_grace_ms = 200;
constexpr std::chrono::milliseconds claim_interval{1000};
constexpr std::chrono::milliseconds busy_claim_interval{100};  // while messages wait for their time

bool is_read_reply(const redisReply& reply) {
    if (!is_array(reply) || reply.elements != 1 || !has_form(*reply.element[0], "sA")) return false;
    return is_array_of(*reply.element[0]->element[1], is_entry);
}

bool is_claim_reply(const redisReply& reply) {
    return has_form(reply, "AIii") && is_array_of(*reply.element[0], is_entry) &&
           reply.element[0]->elements == reply.element[1]->elements;
}

}  // namespace

Reader::Reader(const Context& context, Connection& commands, Deliveries& deliveries, Group& group,
               Settler& settler, const EventFd& interrupt)
    : context_(context),
      commands_(commands),
      deliveries_(deliveries),
      group_(group),
      settler_(settler),
      interrupt_(interrupt),
      reads_(commands.settings()),
      has_unknown_(commands.settings().is_consumer_configured) {}

bool Reader::is_stale(Clock::time_point since) const {
    // The engine extends only messages that it has received.
    return Clock::now() - since > std::chrono::milliseconds(commands_.settings().claim_idle_ms / 3);
}

void Reader::discard_remainder() {
    if (!remainder_) return;
    deliveries_.release_batch(remainder_->batch);
    remainder_.reset();
    has_unknown_ = true;
}

// The number of messages to request, because XREADGROUP has no byte limit.
std::uint32_t Reader::read_size(std::uint32_t room) const {
    const std::uint32_t most = std::min(room, script_batch);
    if (mean_bytes_ == 0) return std::min(most, first_read);
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(max_bytes_ / mean_bytes_, 1, most));
}

Reader::Result Reader::receive(volley_batch& batch, std::int64_t ms) {
    if (batch.capacity == 0) return Result::empty;
    max_bytes_ = std::min(batch.max_bytes > 0 ? batch.max_bytes : max_reply_bytes, max_reply_bytes);
    const auto end = Clock::now() + std::chrono::milliseconds(ms);
    for (;;) {
        if (remainder_ && is_stale(remainder_->since)) discard_remainder();
        if (remainder_ && give(batch)) return Result::messages;
        if (!posted_) {
            prepare();
            if (Clock::now() >= next_claim_ && claim(batch.capacity)) continue;
        }
        const auto now = Clock::now();
        const auto until = std::min(end, std::max(next_claim_, now));
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
        const Result result = read(batch.capacity, std::max<std::int64_t>(left, 0));
        if (result == Result::interrupted) return result;
        if (result == Result::empty && Clock::now() >= end) return result;
    }
}

// Requires: no read is outstanding.
void Reader::prepare() {
    group_.ensure();
    if (!has_unknown_) return;
    settler_.release_unknown();
    has_unknown_ = false;
    next_claim_ = {};
}

bool Reader::claim(std::uint32_t room) {
    const Settings& s = commands_.settings();
    const std::string most = std::to_string(read_size(room)), idle = std::to_string(s.claim_idle_ms);
    Reply reply;
    try {
        reply = commands_.run(claim_, {s.group, s.consumer, idle, most});
    } catch (const Error& error) {
        // A script whose reply was lost may have claimed messages for this consumer that it did not receive.
        if (error.code == ErrorCode::unknown) has_unknown_ = true;
        if (!is_group_missing(error)) throw;
        group_.mark_missing();
        return true;
    }
    const bool is_sound = is_claim_reply(*reply);
    if (!is_sound) has_unknown_ = true;
    reply = commands_.expected(std::move(reply), is_sound);
    if (reply->element[3]->integer > 0) {
        context_.warning(std::to_string(reply->element[3]->integer) + " messages of the stream " + s.stream +
                         " were deleted or trimmed before they were acked, and are lost");
    }
    const redisReply *list = reply->element[0], *counts = reply->element[1];
    const auto now = Clock::now();
    // New messages are read in between: messages that are nacked without a delay must not block them.
    if (list->elements < read_size(room)) {
        next_claim_ = now + (reply->element[2]->integer > 0 || list->elements > 0
                                 ? busy_claim_interval
                                 : std::min(claim_interval, std::chrono::milliseconds(s.claim_idle_ms / 4)));
    }
    if (list->elements == 0) return false;
    remainder_ = {deliveries_.add_batch(std::move(reply)), list, counts, 0, now};
    return true;
}

Reader::Result Reader::read(std::uint32_t room, std::int64_t ms) {
    const Settings& s = commands_.settings();
    try {
        if (!posted_) {
            const std::int64_t block = std::min(ms, longest_block_ms);
            const std::string count = std::to_string(read_size(room)), block_ms = std::to_string(block);
            Words words{"XREADGROUP", "GROUP", s.group, s.consumer, "COUNT", count};
            if (block > 0) words.insert(words.end(), {"BLOCK", block_ms});
            words.insert(words.end(), {"STREAMS", s.stream, ">"});
            Request request;
            request.command(words);
            posted_ = Clock::now();
            reads_.post(request, block);
            // A read that does not block has its reply at once.
            ms = block > 0 ? ms + block_grace_ms : s.server.command_timeout_ms;
        }
        Reply reply = reads_.next_reply(ms, interrupt_.fd());
        if (!reply) {
            posted_ = Clock::now();
            return interrupt_.clear() ? Result::interrupted : Result::empty;
        }
        const auto since = *posted_;
        posted_.reset();
        if (is_nil(*reply)) return Result::empty;
        if (is_group_missing(*reply)) {
            group_.mark_missing();
            return Result::messages;  // try again
        }
        reply = reads_.checked(std::move(reply));
        const bool is_sound = is_read_reply(*reply);
        reply = reads_.expected(std::move(reply), is_sound);
        const redisReply* list = reply->element[0]->element[1];
        remainder_ = {deliveries_.add_batch(std::move(reply)), list, nullptr, 0, since};
        return Result::messages;
    } catch (const Error&) {
        if (posted_) has_unknown_ = true;
        posted_.reset();
        throw;
    }
}

// Requires: remainder_. Returns whether there was a message.
bool Reader::give(volley_batch& batch) {
    const Settings& s = commands_.settings();
    Remainder& from = *remainder_;
    ReceivedBatch& received = deliveries_.batch(from.batch);
    const std::uint64_t most = batch.max_bytes > 0 ? batch.max_bytes : UINT64_MAX;
    std::uint64_t bytes = 0;
    for (; from.next < from.list->elements && batch.count < batch.capacity && bytes < most; ++from.next) {
        const redisReply& entry = *from.list->element[from.next];
        const std::int64_t count = from.counts != nullptr ? from.counts->element[from.next]->integer : 1;
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        fill_message(m, entry, s.layout, received.headers);
        m.handle = deliveries_.open(from.batch, text_of(*entry.element[0]), count);
        m.delivery_count = static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 1, UINT32_MAX));
        m.lease_ms = static_cast<std::uint32_t>(s.claim_idle_ms);
        bytes += bytes_of(entry);
    }
    if (batch.count > 0) mean_bytes_ = std::max<std::uint64_t>(bytes / batch.count, 1);
    if (from.next == from.list->elements) {
        deliveries_.release_batch(from.batch);
        remainder_.reset();
    }
    return batch.count > 0;
}

void Reader::close() {
    reads_.drop();
    if (posted_) has_unknown_ = true;
    posted_.reset();
    discard_remainder();
    if (!group_.is_known()) return;
    try {
        const Settings& s = commands_.settings();
        settler_.release_unknown();
        // A generated name is never used again.
        Script leave{leave_script};
        if (!s.is_consumer_configured) commands_.run(leave, {s.group, s.consumer});
    } catch (const Error& error) {
        context_.debug("what was received last is delivered again after claim_idle_ms: " + error.text);
    }
}

}  // namespace volley::streams
