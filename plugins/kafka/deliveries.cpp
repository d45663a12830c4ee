#include "deliveries.hpp"

#include "message.hpp"

namespace volley::kafka {

void Deliveries::lend(rd_kafka_message_t* message, volley_message& out) {
    std::uint64_t handle = deliveries_.size();
    if (free_.empty()) {
        deliveries_.emplace_back();
    } else {
        handle = free_.back();
        free_.pop_back();
    }
    Delivery& delivery = deliveries_[handle];
    delivery.message = message;
    out.handle = handle;
    fill_message(message, delivery.headers, out);
}

void Deliveries::release(std::uint64_t handle) {
    Delivery& delivery = deliveries_[handle];
    if (delivery.message == nullptr) return;
    rd_kafka_message_destroy(delivery.message);
    delivery.message = nullptr;
    free_.push_back(handle);
}

void Deliveries::release_all() {
    for (std::uint64_t handle = 0; handle < deliveries_.size(); ++handle) release(handle);
}

}  // namespace volley::kafka
