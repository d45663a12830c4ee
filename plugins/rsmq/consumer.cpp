#include "consumer.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace volley::rsmq {

namespace {

using Clock = std::chrono::steady_clock;

// An idle queue is asked this often: the producers of other libraries do not tell when they send.
constexpr std::int64_t longest_pause_ms = 100;
// Redis' Lua spreads a table over its stack; this many messages fit with room to spare.
constexpr std::uint32_t script_batch = 512;

std::int32_t extend_leases(volley_consumer* instance, const std::uint64_t* handles, std::int32_t* results,
                           std::uint32_t count, std::uint32_t lease_ms, volley_error* error) {
    return detail::guard(error, [&] {
        return detail::self<RsmqConsumer>(instance).extend(handles, results, count, lease_ms);
    });
}

constexpr volley_ext_lease lease_functions{sizeof(volley_ext_lease), 0, &extend_leases};

}  // namespace

RsmqConsumer::RsmqConsumer(Context context)
    : context_(std::move(context)), connection_(read_settings(context_)) {
    wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd_ < 0) throw Error(ErrorCode::retry, "no eventfd: out of file descriptors");
}

RsmqConsumer::~RsmqConsumer() { ::close(wake_fd_); }

void RsmqConsumer::open() {
    ensure_queue(connection_);
    const Settings& s = connection_.settings();
    const Reply policy = connection_.command({"INFO", "memory"});
    if (text_of(policy.get()).find("maxmemory_policy:noeviction") == std::string_view::npos) {
        context_.warning("Redis at " + s.place() +
                         " may evict keys (maxmemory-policy is not noeviction): queues can vanish");
    }
}

std::int32_t RsmqConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    for (;;) {
        if (receive(batch)) {
            pause_ms_ = 1;
            return VOLLEY_OK;
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return VOLLEY_OK;
        std::int64_t pause = std::min<std::int64_t>(pause_ms_, left);
        if (next_visible_ms_ >= 0) pause = std::min(pause, std::max<std::int64_t>(next_visible_ms_, 1));
        if (wait(pause)) return VOLLEY_OK;
        pause_ms_ = std::min(pause_ms_ * 2, longest_pause_ms);
    }
}

// Returns true if interrupt() ended it.
bool RsmqConsumer::wait(std::int64_t ms) {
    pollfd fd{wake_fd_, POLLIN, 0};
    if (poll(&fd, 1, static_cast<int>(ms)) <= 0) return false;
    std::uint64_t ignored = 0;
    return read(wake_fd_, &ignored, sizeof ignored) > 0;
}

void RsmqConsumer::interrupt() {
    const std::uint64_t one = 1;
    const auto ignored = write(wake_fd_, &one, sizeof one);
    static_cast<void>(ignored);  // it is full of wakes already
}

bool RsmqConsumer::receive(volley_batch& batch) {
    const Settings& s = connection_.settings();
    const std::string most = std::to_string(std::min(batch.capacity, script_batch));
    Reply reply = connection_.run(receive_, {s.set_key, s.hash_key}, {most});
    next_visible_ms_ = -1;
    if (reply->elements > 3) {
        fill(batch, std::move(reply));
        return batch.count > 0;
    }
    if (reply->elements == 3) {
        next_visible_ms_ = std::strtoll(reply->element[2]->str, nullptr, 10) - reply->element[0]->integer;
    }
    return false;
}

void RsmqConsumer::fill(volley_batch& batch, Reply reply) {
    std::uint32_t index = 0;
    if (free_received_.empty()) {
        index = static_cast<std::uint32_t>(received_.size());
        received_.emplace_back();
    } else {
        index = free_received_.back();
        free_received_.pop_back();
    }
    const auto lease_ms =
        static_cast<std::uint32_t>(std::min(std::atol(reply->element[1]->str), 4'000'000L) * 1000);
    for (std::size_t i = 2; i + 3 < reply->elements; i += 4) {
        const redisReply* id = reply->element[i];
        const redisReply* body = reply->element[i + 1];
        std::uint64_t handle = deliveries_.size();
        if (free_deliveries_.empty()) {
            deliveries_.emplace_back();
        } else {
            handle = free_deliveries_.back();
            free_deliveries_.pop_back();
        }
        const auto rc = reply->element[i + 2]->integer;
        deliveries_[handle] = {index, text_of(id), std::to_string(rc), true};
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        m.handle = handle;
        m.body = {body->str, body->len};
        m.id = {id->str, id->len};
        m.delivery_count = static_cast<std::uint32_t>(rc);
        // The id begins with the microseconds at which it was sent, to the base 36.
        m.timestamp_ms = std::strtoll(std::string(text_of(id).substr(0, 10)).c_str(), nullptr, 36) / 1000;
        m.lease_ms = lease_ms;
        ++received_[index].open;
    }
    received_[index].reply = std::move(reply);
}

void RsmqConsumer::close_delivery(std::uint64_t handle) {
    Delivery& delivery = deliveries_[handle];
    delivery.open = false;
    free_deliveries_.push_back(handle);
    Received& received = received_[delivery.received];
    if (--received.open > 0) return;
    received.reply.reset();
    free_received_.push_back(delivery.received);
}

std::int32_t RsmqConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    change(ack_, settlements, count, stride, true);
    change(visibility_, settlements, count, stride, false);
    return VOLLEY_OK;
}

// Carries out the acks, or the others: nack makes visible after its delay, leave at once. What cannot reach
// the store stays open.
std::int32_t RsmqConsumer::change(Script& script, volley_settlement* settlements, std::uint32_t count,
                                  std::uint32_t stride, bool acks) {
    const Settings& s = connection_.settings();
    std::vector<volley_settlement*> wanted;
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& one = element(settlements, stride, i);
        if ((one.outcome == VOLLEY_ACK) == acks) wanted.push_back(&one);
    }
    for (std::size_t begin = 0; begin < wanted.size(); begin += script_batch) {
        const std::size_t end = std::min<std::size_t>(begin + script_batch, wanted.size());
        std::vector<std::string> delays(end - begin);
        std::vector<std::string_view> arguments;
        for (std::size_t i = begin; i < end; ++i) {
            const Delivery& delivery = deliveries_[wanted[i]->handle];
            arguments.push_back(delivery.id);
            arguments.push_back(delivery.rc);
            if (acks) continue;
            delays[i - begin] = std::to_string(wanted[i]->outcome == VOLLEY_NACK ? wanted[i]->delay_ms : 0);
            arguments.push_back(delays[i - begin]);
        }
        std::int32_t failed = VOLLEY_OK;
        Reply reply;
        try {
            reply = connection_.run(script, {s.set_key, s.hash_key}, arguments);
        } catch (const Error& error) {
            context_.warning(error.text);
            failed = VOLLEY_E_RETRY;
        }
        for (std::size_t i = begin; i < end; ++i) {
            wanted[i]->result = failed != VOLLEY_OK                       ? failed
                                : reply->element[i - begin]->integer == 1 ? VOLLEY_OK
                                                                          : VOLLEY_E_LOST;
            if (failed == VOLLEY_OK) close_delivery(wanted[i]->handle);
        }
    }
    return VOLLEY_OK;
}

std::int32_t RsmqConsumer::extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                                  std::uint32_t lease_ms) {
    const Settings& s = connection_.settings();
    const std::string delay = std::to_string(lease_ms);
    for (std::uint32_t begin = 0; begin < count; begin += script_batch) {
        const std::uint32_t end = std::min(begin + script_batch, count);
        std::vector<std::string_view> arguments;
        for (std::uint32_t i = begin; i < end; ++i) {
            const Delivery& delivery = deliveries_[handles[i]];
            arguments.insert(arguments.end(), {delivery.id, delivery.rc, delay});
        }
        const Reply reply = connection_.run(visibility_, {s.set_key, s.hash_key}, arguments);
        for (std::uint32_t i = begin; i < end; ++i) {
            results[i] = reply->element[i - begin]->integer == 1 ? VOLLEY_OK : VOLLEY_E_LOST;
        }
    }
    return VOLLEY_OK;
}

void RsmqConsumer::close(std::uint32_t) { connection_.drop(); }

const void* RsmqConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_LEASE) return &lease_functions;
    if (id == VOLLEY_EXT_INSPECT) return inspect_functions();
    return nullptr;
}

}  // namespace volley::rsmq
