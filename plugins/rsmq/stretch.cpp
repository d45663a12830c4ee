// Stretches: receives between which nobody else has received (lua.hpp says how Redis knows). In one of them
// no receipt goes out of date, so a commit need not look at each.
#include <algorithm>
#include <random>

#include "consumer.hpp"
#include "producer.hpp"

namespace volley::rsmq {

void RsmqConsumer::keep_stretches() {
    if (!stretch_key_.empty()) return;
    std::random_device random;
    std::mt19937_64 engine((std::uint64_t{random()} << 32U) | random());
    stretch_key_ = settings().ns + "volley:stretch:" + make_id(0, engine);
}

// Of another connection it is another: the server may be another, too, and know less.
const std::string& RsmqConsumer::next_stretch() {
    if (!stretch_key_.empty()) {
        next_stretch_ = std::to_string(connection_.times_connected()) + "/" + std::to_string(++stretches_);
    }
    return next_stretch_;
}

void RsmqConsumer::note_stretch(const redisReply& reply) {
    const std::string_view name = text_of(reply.element[5]);
    stretch_lasts_ = !name.empty() && name == stretch_;
    stretch_ = name;
}

std::string_view RsmqConsumer::stretch_of(const std::vector<std::uint64_t>& handles, std::int64_t& total) {
    if (!stretch_lasts_) return {};
    total = 0;
    for (const std::uint64_t handle : handles) {
        const redisReply& reply = *received_[find(handle)->received].reply;
        if (text_of(reply.element[5]) != stretch_) return {};
        total = std::max<std::int64_t>(total, reply.element[6]->integer);
    }
    return stretch_;
}

}  // namespace volley::rsmq
