// Puts a message together from its frames: properties, then the body in pieces.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "connection.hpp"
#include "properties.hpp"
#include "rabbitmq.hpp"

namespace volley::amqp {

class Assembly {
public:
    // `queue` is where the message was delivered from. Borrows it.
    void begin(std::unique_ptr<Message> message, std::string_view queue) {
        message_ = std::move(message);
        queue_ = queue;
    }
    void reset() { message_.reset(); }
    // Adds a frame of properties or body. Returns the message once it is complete, otherwise null.
    std::unique_ptr<Message> add(const amqp_frame_t& frame) {
        if (!message_) return nullptr;
        if (frame.frame_type == AMQP_FRAME_HEADER) {
            const auto& header = frame.payload.properties;
            left_ = header.body_size;
            message_->body.reserve(std::min<std::uint64_t>(left_, 1U << 20U));
            if (header.class_id == AMQP_BASIC_CLASS) {
                read_properties(*message_, *static_cast<const amqp_basic_properties_t*>(header.decoded),
                                queue_);
            }
        } else if (frame.frame_type == AMQP_FRAME_BODY) {
            const std::string_view piece = text_of(frame.payload.body_fragment);
            message_->body.append(piece);
            left_ -= std::min<std::uint64_t>(left_, piece.size());
        } else {
            return nullptr;
        }
        return left_ == 0 ? std::move(message_) : nullptr;
    }

private:
    std::unique_ptr<Message> message_;
    std::string_view queue_;
    std::uint64_t left_ = 0;
};

}  // namespace volley::amqp
