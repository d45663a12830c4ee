#include "consumer.hpp"

#include <algorithm>
#include <chrono>

#include "advice.hpp"

namespace volley::rsmq {

namespace {

std::int32_t extend_leases(volley_consumer* instance, const std::uint64_t* handles, std::int32_t* results,
                           std::uint32_t count, std::uint32_t lease_ms, volley_error* error) {
    return detail::guard(error, [&] {
        detail::self<RsmqConsumer>(instance).settler().extend_visibility(handles, results, count, lease_ms);
    });
}

constexpr volley_ext_lease lease_functions{sizeof(volley_ext_lease), 0, &extend_leases};

// An RSMQ id is a time and 22 random characters: unique in all stores.
std::int32_t identity(volley_consumer*, volley_view* out, volley_error*) {
    *out = view_of("");
    return VOLLEY_OK;
}

constexpr volley_ext_identity identity_functions{sizeof(volley_ext_identity), 0, &identity};

}  // namespace

RsmqConsumer::RsmqConsumer(Context context)
    : context_(std::move(context)),
      pipeline_(read_settings(context_), interrupt_),
      settler_(context_, pipeline_, deliveries_),
      receiver_(context_, pipeline_, deliveries_, settler_),
      idle_wait_(context_, pipeline_.settings(), interrupt_),
      commit_input_{pipeline_, deliveries_, {}} {}

void RsmqConsumer::open() {
    ensure_queue(connection());
    warn_about_server(pipeline_.connection(), context_);
    idle_wait_.open();
}

std::int32_t RsmqConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    const auto left_ms = [deadline] {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        return std::max<std::int64_t>(left.count(), 0);
    };
    while (!pipeline_.has_outcome()) {
        idle_wait_.clear_sends();
        const Receiver::Result result = receiver_.receive(batch, left_ms());
        if (result == Receiver::Result::messages) idle_wait_.reset();
        const std::int64_t left = left_ms();
        if (result != Receiver::Result::empty || left == 0) return VOLLEY_OK;
        // Replies that are due may bring messages: no pause before them.
        if (pipeline_.has_outcome() || pipeline_.has_outstanding() || !pipeline_.receives().empty()) continue;
        if (!idle_wait_.pause(left, receiver_.next_visible_ms())) return VOLLEY_OK;
    }
    return VOLLEY_OK;
}

void RsmqConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    settler_.settle(settlements, count, stride);
}

void RsmqConsumer::close(std::uint32_t timeout_ms) {
    idle_wait_.close();
    pipeline_.connection().limit_timeouts(static_cast<int>(std::clamp(timeout_ms, 1U, 3'600'000U)));
    receiver_.close(timeout_ms);
    pipeline_.connection().drop();
}

const void* RsmqConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_LEASE) return &lease_functions;
    if (id == VOLLEY_EXT_INSPECT) return inspect_functions();
    if (id == VOLLEY_EXT_IDENTITY) return &identity_functions;
    return nullptr;
}

void RsmqConsumer::show(volley_batch& batch, Reply reply) {
    shown_ = {};
    batch.count = 0;
    for (std::size_t i = 0; i + 2 < reply->elements && batch.count < batch.capacity; i += 3) {
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        fill_message(m, reply->element[i], reply->element[i + 1], reply->element[i + 2]->integer,
                     settings().envelope, shown_.envelopes);
    }
    shown_.reply = std::move(reply);
}

}  // namespace volley::rsmq
