#include "consumer.hpp"

#include <algorithm>

#include "queue_options.hpp"

namespace volley::amqp {

namespace {

std::int32_t identity(volley_consumer* instance, volley_view* out, volley_error* error) {
    return detail::guard(error, [&] { *out = view_of(detail::self<AmqpConsumer>(instance).identity()); });
}

constexpr volley_ext_identity identity_functions{sizeof(volley_ext_identity), 0, &identity};

}  // namespace

AmqpConsumer::AmqpConsumer(Context context)
    : context_(std::move(context)),
      connection_(read_settings(context_), read_settings(context_).heartbeat_s) {
    identity_ = settings().place() + "/" + settings().queue;
}

void AmqpConsumer::open() {
    connection_.open();
    declare_queue(connection_);
    if (settings().rejects && settings().options.is_passive) {
        context_.warning("nack: reject: if the queue " + settings().queue +
                         " has no dead-letter exchange, failed messages are lost");
    }
}

std::uint32_t AmqpConsumer::prefetch() const {
    return settings().prefetch > 0 ? static_cast<std::uint32_t>(settings().prefetch)
                                   : std::clamp<std::uint32_t>(room_, 1, 65'535);
}

// The broker delivers from here on, not from open: inspection must not take messages from the queue.
void AmqpConsumer::start(std::uint32_t room) {
    if (is_consuming()) return;
    forget();
    if (!connection_.is_open()) {
        connection_.open();
        declare_queue(connection_);
    }
    room_ = std::max(room_, room);
    amqp_basic_qos(connection_.state(), channel, 0, static_cast<std::uint16_t>(prefetch()), 0);
    connection_.check("cannot set the prefetch");
    amqp_basic_consume(connection_.state(), channel, bytes_of(settings().queue), amqp_empty_bytes, 0, 0, 0,
                       amqp_empty_table);
    connection_.check("cannot consume from the queue " + settings().queue);
    consuming_ = connection_.epoch();
}

// Messages of the old connection belong to the broker again. Open deliveries stay until they are settled.
void AmqpConsumer::forget() {
    ready_.clear();
    incoming_.reset();
    held_.clear();
    unsettled_.clear();
}

void AmqpConsumer::take(const amqp_frame_t& frame) {
    if (frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD) {
        const auto& delivery = *static_cast<const amqp_basic_deliver_t*>(frame.payload.method.decoded);
        auto message = std::make_unique<Message>();
        message->tag = delivery.delivery_tag;
        message->epoch = connection_.epoch();
        read_delivery(*message, text_of(delivery.exchange), text_of(delivery.routing_key),
                      delivery.redelivered != 0);
        unsettled_.insert(message->tag);
        incoming_.begin(std::move(message), settings().queue);
    } else if (frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_CANCEL_METHOD) {
        connection_.drop();
        throw Error(ErrorCode::retry, "the broker at " + settings().place() +
                                          " has cancelled the consumer of the queue " + settings().queue +
                                          ": it was deleted, or its node stopped");
    } else if (auto message = incoming_.add(frame)) {
        ready_.push_back(std::move(message));
    }
}

// Waits for one frame, and processes all available ones. Returns false if none arrived.
bool AmqpConsumer::receive(std::int64_t ms) {
    amqp_frame_t frame{};
    if (!connection_.next_frame(frame, ms, interrupt_.fd())) return false;
    do {
        take(frame);
    } while (connection_.next_frame(frame, 0, -1));
    return true;
}

std::int32_t AmqpConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    batch.count = 0;
    const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
    start(batch.capacity);
    put_back_due();
    receive(0);
    while (ready_.empty()) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
        if (left <= 0) return VOLLEY_OK;
        if (!receive(until_next_due(left)) && interrupt_.clear()) return VOLLEY_OK;
        put_back_due();
    }
    give(batch);
    return VOLLEY_OK;
}

void AmqpConsumer::give(volley_batch& batch) {
    std::uint64_t bytes = 0;
    const std::uint64_t most = batch.max_bytes > 0 ? batch.max_bytes : UINT64_MAX;
    while (!ready_.empty() && batch.count < batch.capacity && bytes < most) {
        std::unique_ptr<Message> message = std::move(ready_.front());
        ready_.pop_front();
        volley_message& out = element(batch.messages, batch.message_size, batch.count++);
        message->show(out, settings().has_unique_ids);
        out.handle = ++last_handle_;
        bytes += message->body.size();
        open_.emplace(out.handle, std::move(message));
    }
}

std::int32_t AmqpConsumer::poll(std::uint32_t timeout_ms) {
    if (!is_consuming()) return VOLLEY_OK;
    put_back_due();
    if (!receive(until_next_due(timeout_ms))) interrupt_.clear();
    return VOLLEY_OK;
}

void AmqpConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    std::vector<std::uint64_t> acks;
    for (std::uint32_t i = 0; i < count; ++i) element(settlements, stride, i).result = VOLLEY_E_LOST;
    try {
        for (std::uint32_t i = 0; i < count; ++i) settle_one(element(settlements, stride, i), acks);
        ack(std::move(acks));
    } catch (const Error& error) {
        // The connection is gone: the broker redelivers all messages whose settlement it has not received.
        context_.warning(error.text);
        for (std::uint32_t i = 0; i < count; ++i) {
            volley_settlement& one = element(settlements, stride, i);
            one.result = VOLLEY_E_LOST;
            open_.erase(one.handle);
        }
    }
}

// Carries out all settlements except acks; collects the tags of the acks.
void AmqpConsumer::settle_one(volley_settlement& one, std::vector<std::uint64_t>& acks) {
    const auto found = open_.find(one.handle);
    if (found == open_.end()) return;
    const std::uint64_t tag = found->second->tag;
    const bool is_ours = is_consuming() && found->second->epoch == connection_.epoch();
    open_.erase(found);
    if (!is_ours) return;
    const bool is_nack = one.outcome == VOLLEY_NACK;
    if (one.outcome == VOLLEY_ACK) {
        acks.push_back(tag);
    } else if (is_nack && one.delay_ms > 0 && !settings().rejects) {
        const auto delay = std::chrono::milliseconds(std::min<std::uint64_t>(one.delay_ms, 1'000'000'000));
        held_.emplace(Clock::now() + delay, tag);
    } else {
        put_back(tag, is_nack && settings().rejects);
    }
    one.result = VOLLEY_OK;
}

// Acks all messages before the oldest unsettled one with one frame.
void AmqpConsumer::ack(std::vector<std::uint64_t> tags) {
    std::sort(tags.begin(), tags.end());
    std::size_t n = 0;
    while (n < tags.size() && !unsettled_.empty() && *unsettled_.begin() == tags[n]) {
        unsettled_.erase(unsettled_.begin());
        ++n;
    }
    const char* what = "cannot ack";
    if (n > 0) connection_.check_sent(amqp_basic_ack(connection_.state(), channel, tags[n - 1], 1), what);
    for (; n < tags.size(); ++n) {
        unsettled_.erase(tags[n]);
        connection_.check_sent(amqp_basic_ack(connection_.state(), channel, tags[n], 0), what);
    }
}

void AmqpConsumer::put_back(std::uint64_t tag, bool is_rejected) {
    unsettled_.erase(tag);
    connection_.check_sent(amqp_basic_reject(connection_.state(), channel, tag, is_rejected ? 0 : 1),
                           "cannot put a message back");
}

// A delayed message occupies a place of the prefetch. When half of the places are taken, the oldest delayed
// messages are put back early, so that others get through.
void AmqpConsumer::put_back_due() {
    if (!is_consuming()) return;
    const std::size_t most = std::max<std::size_t>(prefetch() / 2, 1);
    while (!held_.empty() && (held_.begin()->first <= Clock::now() || held_.size() > most)) {
        const std::uint64_t tag = held_.begin()->second;
        held_.erase(held_.begin());
        put_back(tag, false);
    }
}

std::int64_t AmqpConsumer::until_next_due(std::int64_t ms) const {
    if (held_.empty()) return ms;
    const auto due =
        std::chrono::ceil<std::chrono::milliseconds>(held_.begin()->first - Clock::now()).count();
    return std::clamp<std::int64_t>(due, 0, ms);
}

void AmqpConsumer::close(std::uint32_t timeout_ms) {
    forget();
    connection_.close(static_cast<int>(std::clamp(timeout_ms, 1U, 3'600'000U)));
}

const void* AmqpConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_INSPECT) return inspect_functions();
    if (id == VOLLEY_EXT_IDENTITY && settings().has_unique_ids) return &identity_functions;
    return nullptr;
}

}  // namespace volley::amqp
