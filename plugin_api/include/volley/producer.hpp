// The SDK's producer: one message at a time, durable when the call returns. Header-only, C++17. A producer
// whose confirmations arrive later derives from BatchProducer (batch_producer.hpp) instead.
#pragma once

#include <string_view>

#include "volley/error.hpp"
#include "volley/message.hpp"
#include "volley/outcome.hpp"

namespace volley {
inline namespace v1 {

// One thread at a time. Exceptions are logged and handled as in a Consumer.
class Producer {
public:
    // The constructor does no I/O, like the consumer's.
    virtual ~Producer() = default;
    virtual void open() {}  // like the consumer's
    // Returns true if the message is as durable as the store can make it. false, an exception that is not an
    // Error, or Error with retry or unknown: it is sent again. Rejected, and Error with permanent, too_large
    // or unsupported: the message fails permanently. Views are valid during the call. In a class with
    // `static constexpr bool ordered = true` no later message overtakes one that must be sent again.
    virtual bool produce(std::string_view queue, std::string_view message, const Options& options) = 0;
    virtual void shutdown() {}
};

}  // namespace v1
}  // namespace volley
