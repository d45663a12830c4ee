#include "consumer.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "advice.hpp"
#include "reply.hpp"
#include "wakes.hpp"

namespace volley::rsmq {

namespace {

// An idle queue is asked this often: the producers of other libraries do not always tell when they send.
constexpr std::int64_t longest_pause_ms = 100;
// More in one reply would hold up Redis' other clients.
constexpr std::uint64_t reply_bytes = 8U << 20U;
constexpr std::chrono::seconds subscribe_again{5};

std::uint64_t handle_of(std::uint32_t slot, std::uint32_t generation) {
    return std::uint64_t{generation} << 32U | slot;
}

void signal_fd(int fd) {
    const std::uint64_t one = 1;
    const auto ignored = write(fd, &one, sizeof one);
    static_cast<void>(ignored);  // it is full of wakes already
}

bool take_signal(int fd) {
    std::uint64_t ignored = 0;
    return read(fd, &ignored, sizeof ignored) > 0;
}

std::int32_t extend_leases(volley_consumer* instance, const std::uint64_t* handles, std::int32_t* results,
                           std::uint32_t count, std::uint32_t lease_ms, volley_error* error) {
    return detail::guard(error, [&] {
        return detail::self<RsmqConsumer>(instance).extend(handles, results, count, lease_ms);
    });
}

constexpr volley_ext_lease lease_functions{sizeof(volley_ext_lease), 0, &extend_leases};

// An RSMQ id is a time and 22 random characters: unique in all queues.
std::int32_t identity(volley_consumer*, volley_view* out, volley_error*) {
    *out = view_of("");
    return VOLLEY_OK;
}

constexpr volley_ext_identity identity_functions{sizeof(volley_ext_identity), 0, &identity};

}  // namespace

std::int64_t sent_ms(std::string_view id) {
    char* end = nullptr;
    const std::string digits(id.substr(0, 10));
    const std::int64_t us = std::strtoll(digits.c_str(), &end, 36);
    return id.size() == 32 && *end == '\0' ? us / 1000 : 0;
}

bool is_of_receive(const redisReply& reply) {
    if (has_form(reply, "") || has_form(reply, "ii") || has_form(reply, "iis")) return true;
    return has_form(reply, "iiSSIsi") && reply.element[1]->integer > 0 &&
           reply.element[2]->elements == reply.element[3]->elements;
}

RsmqConsumer::RsmqConsumer(Context context)
    : context_(std::move(context)),
      connection_(read_settings(context_)),
      realtime_(connection_.settings()),
      interrupt_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      sent_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (interrupt_fd_ >= 0 && sent_fd_ >= 0) return;
    if (interrupt_fd_ >= 0) ::close(interrupt_fd_);
    if (sent_fd_ >= 0) ::close(sent_fd_);
    throw Error(ErrorCode::retry, "no eventfd: out of file descriptors");
}

RsmqConsumer::~RsmqConsumer() {
    stop_listening(sent_fd_);
    ::close(interrupt_fd_);
    ::close(sent_fd_);
}

void RsmqConsumer::open() {
    ensure_queue(connection());
    warn_about_server(connection_, context_);
    const Settings& s = settings();
    stop_listening(sent_fd_);
    listen_for_sends(s.store() + s.set_key, sent_fd_);
}

std::int32_t RsmqConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    const auto left_ms = [deadline] {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        return std::max<std::int64_t>(left.count(), 0);
    };
    while (!has_outcome()) {
        take_signal(sent_fd_);  // what was sent before this look, it sees
        const Got got = receive(batch, left_ms());
        if (got == Got::messages) pause_ms_ = 1;
        const std::int64_t left = left_ms();
        if (got != Got::nothing || left == 0) return VOLLEY_OK;
        if (has_outcome() || !due_.empty() || !ahead_.empty()) continue;
        std::int64_t pause = std::min<std::int64_t>(pause_ms_, left);
        if (next_visible_ms_ >= 0) pause = std::min(pause, std::max<std::int64_t>(next_visible_ms_, 1));
        switch (wait(pause)) {
            case Wait::interrupted:
                return VOLLEY_OK;
            case Wait::woken:
                pause_ms_ = 1;
                break;
            case Wait::timed_out:
                pause_ms_ = std::min(pause_ms_ * 2, longest_pause_ms);
        }
    }
    return VOLLEY_OK;
}

// To sleep longer than a moment is only worth a second connection; without it, polling alone does.
void RsmqConsumer::subscribe() {
    if (realtime_.is_connected() || Clock::now() < next_subscribe_) return;
    next_subscribe_ = Clock::now() + subscribe_again;
    try {
        realtime_.command({"SUBSCRIBE", realtime_.settings().realtime_key});
    } catch (const Error& error) {
        realtime_.drop();
        context_.debug("no wake by the realtime option: " + error.text);
    }
}

RsmqConsumer::Wait RsmqConsumer::wait(std::int64_t ms) {
    if (pause_ms_ >= longest_pause_ms) subscribe();
    pollfd fds[] = {{interrupt_fd_, POLLIN, 0}, {sent_fd_, POLLIN, 0}, {-1, POLLIN, 0}};
    if (realtime_.is_connected()) fds[2].fd = realtime_.fd();
    if (poll(fds, 3, static_cast<int>(ms)) <= 0) return Wait::timed_out;
    const bool published = fds[2].revents != 0 && realtime_.skip_pushed();
    if (fds[0].revents != 0 && take_interrupt()) return Wait::interrupted;
    return published || fds[1].revents != 0 ? Wait::woken : Wait::timed_out;
}

bool RsmqConsumer::take_interrupt() { return take_signal(interrupt_fd_); }

void RsmqConsumer::interrupt() { signal_fd(interrupt_fd_); }

// How many to ask for: Redis' Lua copies the bodies of all that are asked for, taken or not.
std::uint32_t RsmqConsumer::wanted(std::uint32_t room, std::uint64_t most_bytes) const {
    const std::uint32_t most = std::min(room, script_batch);
    if (mean_bytes_ == 0) return most;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(most_bytes / mean_bytes_ + 1, 1, most));
}

// While a commit is on its way what is asked for goes behind it, and is not waited for longer than that.
RsmqConsumer::Got RsmqConsumer::receive(volley_batch& batch, std::int64_t ms) {
    most_bytes_ = std::min(batch.max_bytes > 0 ? batch.max_bytes : reply_bytes, reply_bytes);
    room_ = batch.capacity;
    forget_outstanding();
    if (due_.empty() && (rest_ || !ahead_.empty())) ask_ahead();
    if (rest_) return take_rest(batch);
    if (ahead_.empty()) {
        if (due_.empty() || receive_.sha.empty()) return receive_now(batch);
        post_receive(wanted(batch.capacity, most_bytes_));
    }
    return receive_ahead(batch, ms);
}

RsmqConsumer::Got RsmqConsumer::receive_now(volley_batch& batch) {
    const Settings& s = settings();
    asked_for_ = wanted(batch.capacity, most_bytes_);
    const std::string most = std::to_string(asked_for_);
    const std::string bytes = std::to_string(most_bytes_);
    connection().connect();
    Reply reply =
        connection_.run(receive_, {s.set_key, s.hash_key, stretch_key()}, {most, bytes, next_stretch()});
    const bool is_sound = is_of_receive(*reply);
    reply = connection_.expected(std::move(reply), is_sound);
    if (reply->elements == 7) note_stretch(*reply);
    return take_reply(batch, std::move(reply), Clock::now());
}

RsmqConsumer::Got RsmqConsumer::take_reply(volley_batch& batch, Reply reply, Clock::time_point since) {
    next_visible_ms_ = -1;
    more_is_there_ = false;
    if (reply->elements == 0) {
        // Somebody has deleted the queue, or Redis came back without it.
        ensure_queue(connection());
        return Got::nothing;
    }
    if (reply->elements == 7) {
        more_is_there_ = reply->element[2]->elements == asked_for_;
        if (reply->element[2]->elements == 0) return Got::nothing;  // there were ghosts only
        if (free_received_.empty()) {
            free_received_.push_back(static_cast<std::uint32_t>(received_.size()));
            received_.emplace_back();
        }
        rest_ = {free_received_.back(), 0, since};
        free_received_.pop_back();
        Received& received = received_[rest_->received];
        received.open = 1;
        received.reply = std::move(reply);
        return take_rest(batch);
    }
    if (reply->elements == 3) {
        const double at = std::strtod(reply->element[2]->str, nullptr);
        next_visible_ms_ = std::max<std::int64_t>(
            static_cast<std::int64_t>(std::min(at, 1e15)) - reply->element[0]->integer, 0);
    }
    return Got::nothing;
}

// Nobody has extended the leases of what waited here.
bool RsmqConsumer::is_stale(const redisReply& reply, Clock::time_point since) const {
    return Clock::now() - since > std::chrono::milliseconds(reply.element[1]->integer / 3);
}

// Requires: rest_.
RsmqConsumer::Got RsmqConsumer::take_rest(volley_batch& batch) {
    const redisReply& reply = *received_[rest_->received].reply;
    const bool stale = is_stale(reply, rest_->since);
    if (stale) {
        put_back(reply, rest_->from);
        rest_->from = reply.element[2]->elements;
    } else {
        fill(batch);
    }
    if (rest_->from == reply.element[2]->elements) {
        const std::uint32_t received = rest_->received;
        rest_.reset();
        release(received);
    }
    return stale ? Got::nothing : Got::messages;
}

void RsmqConsumer::describe(volley_message& m, const redisReply* id, const redisReply* body, std::int64_t rc,
                            std::deque<Opened>& envelopes) const {
    m.id = {id->str, id->len};
    m.body = {body->str, body->len};
    m.delivery_count = static_cast<std::uint32_t>(rc);
    m.timestamp_ms = sent_ms(text_of(id));
    m.partition = -1;
    m.offset = -1;
    if (!connection_.settings().envelope) return;
    Opened opened;
    if (!open_envelope(text_of(body), opened)) return;
    const Opened& kept = envelopes.emplace_back(std::move(opened));
    m.body = kept.body;
    m.key = kept.key;
    m.headers = kept.headers.data();
    m.header_count = static_cast<std::uint32_t>(kept.headers.size());
}

void RsmqConsumer::fill(volley_batch& batch) {
    const std::uint32_t index = rest_->received;
    Received& received = received_[index];
    const redisReply& reply = *received.reply;
    const auto lease_ms = static_cast<std::uint32_t>(std::min(reply.element[1]->integer, 4'000'000'000LL));
    const redisReply &ids = *reply.element[2], &bodies = *reply.element[3];
    ReceiveCounts counts(reply);
    for (std::size_t i = 0; i < rest_->from; ++i) counts.next();
    std::uint64_t bytes = 0;
    for (std::size_t& i = rest_->from; i < ids.elements && batch.count < batch.capacity; ++i) {
        if (free_deliveries_.empty()) {
            free_deliveries_.push_back(static_cast<std::uint32_t>(deliveries_.size()));
            deliveries_.emplace_back();
        }
        const std::uint32_t slot = free_deliveries_.back();
        free_deliveries_.pop_back();
        Delivery& delivery = deliveries_[slot];
        const std::uint32_t generation = delivery.generation + 1;
        const std::int64_t rc = counts.next();
        delivery = {index, generation, text_of(ids.element[i]), std::to_string(rc), true, false, false};
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        describe(m, ids.element[i], bodies.element[i], rc, received.envelopes);
        m.handle = handle_of(slot, generation);
        m.lease_ms = lease_ms;
        bytes += bodies.element[i]->len;
        ++received.open;
    }
    mean_bytes_ = bytes / std::max<std::uint32_t>(batch.count, 1);
    room_ -= batch.count;
}

void RsmqConsumer::show(volley_batch& batch, Reply reply) {
    shown_ = {};
    batch.count = 0;
    for (std::size_t i = 0; i + 2 < reply->elements && batch.count < batch.capacity; i += 3) {
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        describe(m, reply->element[i], reply->element[i + 1], reply->element[i + 2]->integer,
                 shown_.envelopes);
    }
    shown_.reply = std::move(reply);
}

RsmqConsumer::Delivery* RsmqConsumer::find(std::uint64_t handle) {
    const auto slot = static_cast<std::uint32_t>(handle);
    if (slot >= deliveries_.size()) return nullptr;
    Delivery& delivery = deliveries_[slot];
    return delivery.open && delivery.generation == handle >> 32U ? &delivery : nullptr;
}

void RsmqConsumer::finish(std::uint64_t handle) {
    const auto slot = static_cast<std::uint32_t>(handle);
    Delivery& delivery = deliveries_[slot];
    delivery.open = false;
    free_deliveries_.push_back(slot);
    release(delivery.received);
}

void RsmqConsumer::release(std::uint32_t index) {
    Received& received = received_[index];
    if (--received.open > 0) return;
    received.reply.reset();
    received.envelopes.clear();
    free_received_.push_back(index);
}

std::int32_t RsmqConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    std::vector<volley_settlement*> ours;
    ours.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& one = element(settlements, stride, i);
        one.result = VOLLEY_E_LOST;
        if (find(one.handle) != nullptr) ours.push_back(&one);
    }
    for (std::size_t begin = 0; begin < ours.size(); begin += script_batch)
        settle_batch(ours.data() + begin, std::min<std::size_t>(script_batch, ours.size() - begin));
    return VOLLEY_OK;
}

// Deletes what is acked, makes visible what is not: a nack after its delay, what is left at once. What does
// not reach Redis stays open.
void RsmqConsumer::settle_batch(volley_settlement** settlements, std::size_t count) {
    const Settings& s = settings();
    std::vector<std::string> delays(count);
    Words arguments;
    arguments.reserve(3 * count);
    for (std::size_t i = 0; i < count; ++i) {
        const volley_settlement& one = *settlements[i];
        const Delivery& delivery = *find(one.handle);
        if (one.outcome != VOLLEY_ACK)
            delays[i] = std::to_string(one.outcome == VOLLEY_NACK ? one.delay_ms : 0);
        arguments.insert(arguments.end(), {delivery.id, delivery.rc, delays[i]});
    }
    Reply reply;
    try {
        reply = connection().run(settle_, {s.set_key, s.hash_key}, arguments);
        const bool is_sound = has_form(*reply, std::string(count, 'i'));
        reply = connection_.expected(std::move(reply), is_sound);
        settling_fails_ = false;
    } catch (const Error& error) {
        if (!settling_fails_) context_.warning(error.text);
        settling_fails_ = true;
        for (std::size_t i = 0; i < count; ++i) {
            settlements[i]->result = VOLLEY_E_RETRY;
            Delivery& delivery = *find(settlements[i]->handle);
            if (error.code == ErrorCode::unknown && settlements[i]->outcome == VOLLEY_ACK)
                delivery.unsure = true;
        }
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        volley_settlement& one = *settlements[i];
        const auto said = reply->element[i]->integer;
        // Gone after a deletion whose reply was lost: it was ours.
        const bool done = said == 1 || (said == -1 && find(one.handle)->unsure);
        one.result = done ? VOLLEY_OK : VOLLEY_E_LOST;
        finish(one.handle);
    }
}

std::int32_t RsmqConsumer::extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                                  std::uint32_t lease_ms) {
    const Settings& s = settings();
    const std::string lease = std::to_string(lease_ms);
    std::vector<std::uint32_t> ours;
    for (std::uint32_t i = 0; i < count; ++i) {
        results[i] = VOLLEY_E_LOST;
        const Delivery* delivery = find(handles[i]);
        if (delivery == nullptr) continue;
        if (delivery->posted)
            results[i] = VOLLEY_OK;  // what the commit finds decides
        else
            ours.push_back(i);
    }
    for (std::size_t begin = 0; begin < ours.size(); begin += script_batch) {
        const std::size_t end = std::min<std::size_t>(begin + script_batch, ours.size());
        Words arguments;
        for (std::size_t k = begin; k < end; ++k) {
            const Delivery& delivery = *find(handles[ours[k]]);
            arguments.insert(arguments.end(), {delivery.id, delivery.rc, lease});
        }
        Reply reply = connection().run(settle_, {s.set_key, s.hash_key}, arguments);
        const bool is_sound = has_form(*reply, std::string(end - begin, 'i'));
        reply = connection_.expected(std::move(reply), is_sound);
        for (std::size_t k = begin; k < end; ++k)
            if (reply->element[k - begin]->integer == 1) results[ours[k]] = VOLLEY_OK;
    }
    return VOLLEY_OK;
}

void RsmqConsumer::close(std::uint32_t timeout_ms) {
    stop_listening(sent_fd_);
    connection_.hurry(static_cast<int>(std::clamp(timeout_ms, 1U, 3'600'000U)));
    give_up_ahead(timeout_ms);
    connection_.drop();
    realtime_.drop();
}

const void* RsmqConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_LEASE) return &lease_functions;
    if (id == VOLLEY_EXT_INSPECT) return inspect_functions();
    if (id == VOLLEY_EXT_IDENTITY) return &identity_functions;
    return nullptr;
}

}  // namespace volley::rsmq
