#include "deliveries.hpp"

namespace volley::streams {

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
    batch.headers.clear();
    free_batches_.push_back(index);
}

std::uint64_t Deliveries::open(std::uint32_t batch, std::string_view id, std::int64_t count) {
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    Delivery& delivery = slots_[slot];
    const std::uint32_t generation = delivery.generation + 1;
    delivery = {batch, generation, id, std::to_string(count), true, false};
    ++batches_[batch].references;
    return std::uint64_t{generation} << 32U | slot;
}

Delivery* Deliveries::find(std::uint64_t handle) {
    const auto slot = static_cast<std::uint32_t>(handle);
    if (slot >= slots_.size()) return nullptr;
    Delivery& delivery = slots_[slot];
    return delivery.is_open && delivery.generation == handle >> 32U ? &delivery : nullptr;
}

void Deliveries::close(std::uint64_t handle) {
    const auto slot = static_cast<std::uint32_t>(handle);
    Delivery& delivery = slots_[slot];
    delivery.is_open = false;
    free_slots_.push_back(slot);
    release_batch(delivery.batch);
}

std::unordered_set<std::string_view> Deliveries::open_ids() const {
    std::unordered_set<std::string_view> ids;
    for (const Delivery& delivery : slots_)
        if (delivery.is_open) ids.insert(delivery.id);
    return ids;
}

}  // namespace volley::streams
