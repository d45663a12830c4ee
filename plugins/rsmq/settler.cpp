#include "settler.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "receive_reply.hpp"

namespace volley::rsmq {

namespace {

constexpr char released[] = "release";  // to the settle script

}  // namespace

void Settler::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    std::vector<volley_settlement*> open;
    open.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& one = element(settlements, stride, i);
        one.result = VOLLEY_E_LOST;
        if (deliveries_.find(one.handle) != nullptr) open.push_back(&one);
    }
    for (std::size_t begin = 0; begin < open.size(); begin += script_batch)
        settle_batch(open.data() + begin, std::min<std::size_t>(script_batch, open.size() - begin));
}

void Settler::settle_batch(volley_settlement** settlements, std::size_t count) {
    std::vector<std::string> delays(count);
    Words arguments;
    arguments.reserve(3 * count);
    for (std::size_t i = 0; i < count; ++i) {
        const volley_settlement& one = *settlements[i];
        const Delivery& delivery = *deliveries_.find(one.handle);
        if (one.outcome != VOLLEY_ACK)
            delays[i] = one.outcome == VOLLEY_NACK ? std::to_string(one.delay_ms) : released;
        arguments.insert(arguments.end(), {delivery.id, delivery.receipt, delays[i]});
    }
    Reply reply;
    try {
        reply = run(arguments, count);
        is_failing_ = false;
    } catch (const Error& error) {
        if (!is_failing_) context_.warning(error.text);
        is_failing_ = true;
        for (std::size_t i = 0; i < count; ++i) {
            settlements[i]->result = VOLLEY_E_RETRY;
            Delivery& delivery = *deliveries_.find(settlements[i]->handle);
            if (error.code == ErrorCode::unknown && settlements[i]->outcome == VOLLEY_ACK)
                delivery.is_ack_unconfirmed = true;
        }
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        volley_settlement& one = *settlements[i];
        const auto result = reply->element[i]->integer;
        // If a message is gone after an ack whose reply was lost, that ack deleted it.
        const bool is_done =
            result == 1 || (result == -1 && deliveries_.find(one.handle)->is_ack_unconfirmed);
        one.result = is_done ? VOLLEY_OK : VOLLEY_E_LOST;
        deliveries_.close(one.handle);
    }
}

void Settler::extend_visibility(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                                std::uint32_t timeout_ms) {
    const std::string timeout = std::to_string(timeout_ms);
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 0; i < count; ++i) {
        results[i] = VOLLEY_E_LOST;
        const Delivery* delivery = deliveries_.find(handles[i]);
        if (delivery == nullptr) continue;
        if (delivery->is_in_commit)
            results[i] = VOLLEY_OK;  // the commit itself checks the receipt
        else
            open.push_back(i);
    }
    for (std::size_t begin = 0; begin < open.size(); begin += script_batch) {
        const std::size_t end = std::min<std::size_t>(begin + script_batch, open.size());
        Words arguments;
        for (std::size_t k = begin; k < end; ++k) {
            const Delivery& delivery = *deliveries_.find(handles[open[k]]);
            arguments.insert(arguments.end(), {delivery.id, delivery.receipt, timeout});
        }
        const Reply reply = run(arguments, end - begin);
        for (std::size_t k = begin; k < end; ++k)
            if (reply->element[k - begin]->integer == 1) results[open[k]] = VOLLEY_OK;
    }
}

void Settler::release(const redisReply& reply, std::size_t from) {
    ReceiveCounts counts(reply);
    std::vector<std::string> receipts;
    for (std::size_t i = 0; i < message_count(reply); ++i) receipts.push_back(std::to_string(counts.next()));
    Words arguments;
    for (std::size_t i = from; i < message_count(reply); ++i)
        arguments.insert(arguments.end(), {text_of(ids(reply).element[i]), receipts[i], released});
    const Settings& s = pipeline_.settings();
    pipeline_.drained().run(script_, {s.set_key, s.hash_key}, arguments);
}

Reply Settler::run(const Words& arguments, std::size_t count) {
    const Settings& s = pipeline_.settings();
    Reply reply = pipeline_.drained().run(script_, {s.set_key, s.hash_key}, arguments);
    const bool is_sound = has_form(*reply, std::string(count, 'i'));
    return pipeline_.connection().expected(std::move(reply), is_sound);
}

}  // namespace volley::rsmq
