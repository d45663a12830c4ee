#include "producer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

#include "properties.hpp"
#include "queue_options.hpp"
#include "rabbitmq.hpp"

namespace volley::amqp {

namespace {

constexpr std::size_t max_batch = 512;
constexpr std::size_t max_batch_bytes = 8U << 20U;

std::string random_prefix() {
    std::random_device random;
    char text[32];
    std::snprintf(text, sizeof text, "volley-%08x%08x-", random(), random());
    return text;
}

void mark_returned(PublishedBatch& batch, std::string_view message_id, const std::string& why) {
    for (Published& one : batch) {
        if (one.message_id != message_id) continue;
        one.why = why;
        return;
    }
}

}  // namespace

void Confirms::take(const amqp_frame_t& frame, PublishedBatch& batch) {
    if (frame.frame_type == AMQP_FRAME_HEADER && !returned_.empty()) {
        const auto* p = static_cast<const amqp_basic_properties_t*>(frame.payload.properties.decoded);
        mark_returned(batch, text_of(p->message_id), returned_);
        returned_.clear();
    }
    if (frame.frame_type != AMQP_FRAME_METHOD) return;
    const void* decoded = frame.payload.method.decoded;
    switch (frame.payload.method.id) {
        case AMQP_BASIC_ACK_METHOD: {
            const auto& ack = *static_cast<const amqp_basic_ack_t*>(decoded);
            return confirm(batch, ack.delivery_tag, ack.multiple != 0, true);
        }
        case AMQP_BASIC_NACK_METHOD: {
            const auto& nack = *static_cast<const amqp_basic_nack_t*>(decoded);
            return confirm(batch, nack.delivery_tag, nack.multiple != 0, false);
        }
        case AMQP_BASIC_RETURN_METHOD: {
            const auto& back = *static_cast<const amqp_basic_return_t*>(decoded);
            returned_ = "no queue takes the message: exchange \"" + std::string(text_of(back.exchange)) +
                        "\", routing key \"" + std::string(text_of(back.routing_key)) + "\" (" +
                        std::string(text_of(back.reply_text)) + ")";
            return;
        }
        case AMQP_CONNECTION_BLOCKED_METHOD:
            blocked_ = "it is blocked, " +
                       std::string(text_of(static_cast<const amqp_connection_blocked_t*>(decoded)->reason));
            return;
        case AMQP_CONNECTION_UNBLOCKED_METHOD:
            blocked_.clear();
            return;
        default:
            return;
    }
}

// A return precedes the ack of the same message.
void Confirms::confirm(PublishedBatch& batch, std::uint64_t tag, bool is_multiple, bool is_taken) const {
    // Tag 0 stands for all of them.
    const std::uint64_t last = tag == 0 ? confirmed_ + batch.size() : tag;
    if (last <= confirmed_) return;
    const std::uint64_t end = std::min<std::uint64_t>(last - confirmed_, batch.size());
    for (std::uint64_t i = is_multiple ? 0 : last - confirmed_ - 1; i < end; ++i) {
        Published& one = batch[i];
        if (one.status != VOLLEY_PENDING) continue;
        one.status = !is_taken ? VOLLEY_E_RETRY : one.why.empty() ? VOLLEY_OK : VOLLEY_E_PERMANENT;
        if (!is_taken) one.why = "the broker did not take the message: the queue is full, or has failed";
    }
}

// No thread serves the heartbeats of an idle producer: TCP keep-alive detects whether the broker is gone.
AmqpProducer::AmqpProducer(Context context, volley_report_fn report, void* report_context)
    : context_(std::move(context)),
      report_(report),
      report_context_(report_context),
      connection_(read_settings(context_), 0),
      id_prefix_(random_prefix()) {}

void AmqpProducer::open() {
    if (connection_.is_open() && ready_epoch_ == connection_.epoch()) return;
    connection_.open();
    const Settings& s = connection_.settings();
    if (s.exchange.empty()) {
        declare_queue(connection_);
    } else {
        amqp_exchange_declare(connection_.state(), channel, bytes_of(s.exchange), bytes_of("direct"), 1, 0, 0,
                              0, amqp_empty_table);
        connection_.check("cannot publish to the exchange " + s.exchange);
    }
    amqp_confirm_select(connection_.state(), channel);
    connection_.check("cannot select confirms");
    ready_epoch_ = connection_.epoch();
    confirms_.reset();
}

// Processes frames that have arrived meanwhile: the connection has ended, or the broker is blocked.
void AmqpProducer::serve() {
    PublishedBatch none;
    amqp_frame_t frame{};
    try {
        while (connection_.is_open() && connection_.next_frame(frame, 0, -1)) confirms_.take(frame, none);
    } catch (const Error& error) {
        // Nothing was unconfirmed.
        if (error.code != ErrorCode::retry) throw;
    }
    open();
    if (confirms_.blocked().empty()) return;
    Error error(ErrorCode::retry, "the broker at " + connection_.settings().place() +
                                      " takes no messages now: " + confirms_.blocked());
    error.retry_after_ms = 500;
    throw error;
}

std::int32_t AmqpProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                   std::uint32_t& accepted) {
    try {
        serve();
    } catch (const Error& error) {
        set_health(static_cast<std::int32_t>(error.code), error.text);
        throw;
    }
    while (accepted < count) {
        PublishedBatch batch;
        std::size_t bytes = 0;
        const std::size_t most = one_by_one_ > 0 ? 1 : max_batch;
        try {
            while (accepted < count && batch.size() < most && bytes < max_batch_bytes) {
                const volley_record& record = element(records, stride, accepted);
                bytes += record.body.size;
                if (!publish(record, batch)) break;
                ++accepted;
            }
            await_confirms(batch);
        } catch (const Error& error) {
            // The record that was being published is also in the batch.
            const bool is_one_more = accepted < count && !batch.empty() &&
                                     batch.back().record == &element(records, stride, accepted);
            accepted += is_one_more ? 1 : 0;
            fail(batch, error);
            report_all(batch);
            set_health(static_cast<std::int32_t>(error.code), error.text);
            return accepted < count ? VOLLEY_AGAIN : VOLLEY_OK;
        }
        one_by_one_ -= std::min(one_by_one_, static_cast<std::uint32_t>(batch.size()));
        report_all(batch);
        // Later records must not overtake records that are sent again.
        const auto is_failed = [](const Published& one) { return one.status == VOLLEY_E_RETRY; };
        if (std::any_of(batch.begin(), batch.end(), is_failed)) {
            set_health(VOLLEY_E_RETRY, batch.back().why);
            return accepted < count ? VOLLEY_AGAIN : VOLLEY_OK;
        }
    }
    set_health(VOLLEY_OK, {});
    return VOLLEY_OK;
}

// Returns false if a message with this id is unconfirmed: a returned message is identified only by its id.
bool AmqpProducer::publish(const volley_record& record, PublishedBatch& batch) {
    const Settings& s = connection_.settings();
    const std::string own_id = id_prefix_ + std::to_string(++last_id_);
    const Properties properties(record, own_id, s.is_persistent);
    if (is_absent(record.body)) {
        report_one(record, VOLLEY_E_UNSUPPORTED, "AMQP cannot store a message without a body");
        return true;
    }
    if (!properties.refusal().empty()) {
        report_one(record, VOLLEY_E_TOO_LARGE, properties.refusal());
        return true;
    }
    std::string id(properties.message_id());
    for (const Published& one : batch)
        if (one.message_id == id) return false;
    batch.push_back({&record, std::move(id), VOLLEY_PENDING, {}});
    const int status =
        amqp_basic_publish(connection_.state(), channel, bytes_of(s.exchange), bytes_of(s.routing_key), 1, 0,
                           &properties.get(), bytes_of(volley::text_of(record.body)));
    connection_.check_sent(status, "cannot publish");
    return true;
}

void AmqpProducer::await_confirms(PublishedBatch& batch) {
    using Clock = std::chrono::steady_clock;
    const Settings& s = connection_.settings();
    const auto end = Clock::now() + std::chrono::milliseconds(s.command_timeout_ms);
    const auto is_pending = [](const Published& one) { return one.status == VOLLEY_PENDING; };
    while (std::any_of(batch.begin(), batch.end(), is_pending)) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
        amqp_frame_t frame{};
        if (left > 0 && connection_.next_frame(frame, left, -1)) {
            confirms_.take(frame, batch);
            continue;
        }
        connection_.drop();
        const std::string& blocked = confirms_.blocked();
        throw Error(ErrorCode::unknown, "the broker at " + s.place() + " has not confirmed messages within " +
                                            std::to_string(s.command_timeout_ms) +
                                            " ms (command_timeout_ms)" +
                                            (blocked.empty() ? "" : ": " + blocked));
    }
    confirms_.pass(batch);
    const auto is_returned = [](const Published& one) { return one.status == VOLLEY_E_PERMANENT; };
    if (std::none_of(batch.begin(), batch.end(), is_returned)) return;
    if (!s.exchange.empty() || s.options.is_passive) return;
    // The queue was deleted. Declare it again and resend the messages.
    for (Published& one : batch)
        if (is_returned(one)) one.status = VOLLEY_E_RETRY;
    declare_queue(connection_);
}

// Decides about unconfirmed records when the channel has ended.
void AmqpProducer::fail(PublishedBatch& batch, const Error& error) {
    auto status = static_cast<std::int32_t>(error.code);
    if (error.code == ErrorCode::retry) status = VOLLEY_E_UNKNOWN;
    if (error.text.find("PRECONDITION_FAILED") != std::string::npos) {
        // The broker refuses a message, but does not report which one.
        status = batch.size() == 1 ? VOLLEY_E_PERMANENT : VOLLEY_E_UNKNOWN;
        if (batch.size() > 1) one_by_one_ = static_cast<std::uint32_t>(batch.size());
    }
    for (Published& one : batch) {
        if (one.status != VOLLEY_PENDING) continue;
        one.status = status;
        one.why = error.text;
    }
}

void AmqpProducer::report_all(const PublishedBatch& batch) {
    for (const Published& one : batch) {
        volley_report made{one.record->token, one.status, -1, -1, view_of(one.message_id), {}};
        if (one.status != VOLLEY_OK) made.text = view_of(one.why);
        report_(report_context_, &made, 1, sizeof made);
    }
}

void AmqpProducer::report_one(const volley_record& record, std::int32_t status, std::string_view why) {
    const volley_report made{record.token, status, -1, -1, {}, view_of(why)};
    report_(report_context_, &made, 1, sizeof made);
}

void AmqpProducer::set_health(std::int32_t status, const std::string& why) {
    if (is_down_ == (status != VOLLEY_OK)) return;
    is_down_ = !is_down_;
    context_.health(is_down_ ? VOLLEY_DOWN : VOLLEY_UP, why);
}

void AmqpProducer::close(std::uint32_t timeout_ms) {
    connection_.close(static_cast<int>(std::clamp(timeout_ms, 1U, 3'600'000U)));
}

}  // namespace volley::amqp
