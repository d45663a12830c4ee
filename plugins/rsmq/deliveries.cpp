#include "deliveries.hpp"

#include "message_id.hpp"

namespace volley::rsmq {

std::uint32_t Deliveries::add_batch(Reply reply) {
    if (free_batches_.empty()) {
        free_batches_.push_back(static_cast<std::uint32_t>(batches_.size()));
        batches_.emplace_back();
    }
    const std::uint32_t index = free_batches_.back();
    free_batches_.pop_back();
    batches_[index].references = 1;
    batches_[index].reply = std::move(reply);
    return index;
}

void Deliveries::release_batch(std::uint32_t index) {
    ReceivedBatch& batch = batches_[index];
    if (--batch.references > 0) return;
    batch.reply.reset();
    batch.envelopes.clear();
    free_batches_.push_back(index);
}

std::uint64_t Deliveries::open(std::uint32_t batch, std::string_view id, std::int64_t receive_count) {
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    Delivery& delivery = slots_[slot];
    const std::uint32_t generation = delivery.generation + 1;
    delivery = {batch, generation, id, std::to_string(receive_count), true, false, false};
    ++batches_[batch].references;
    return std::uint64_t{generation} << 32U | slot;
}

void Deliveries::close(std::uint64_t handle) {
    const auto slot = static_cast<std::uint32_t>(handle);
    Delivery& delivery = slots_[slot];
    delivery.is_open = false;
    free_slots_.push_back(slot);
    release_batch(delivery.batch);
}

void fill_message(volley_message& m, const redisReply* id, const redisReply* body, std::int64_t receive_count,
                  bool open_envelopes, std::deque<Opened>& envelopes) {
    m.id = {id->str, id->len};
    m.body = {body->str, body->len};
    m.delivery_count = static_cast<std::uint32_t>(receive_count);
    m.timestamp_ms = sent_ms(text_of(id));
    m.partition = -1;
    m.offset = -1;
    if (!open_envelopes) return;
    Opened opened;
    if (!open_envelope(text_of(body), opened)) return;
    const Opened& kept = envelopes.emplace_back(std::move(opened));
    m.body = kept.body;
    m.key = kept.key;
    m.headers = kept.headers.data();
    m.header_count = static_cast<std::uint32_t>(kept.headers.size());
}

}  // namespace volley::rsmq
