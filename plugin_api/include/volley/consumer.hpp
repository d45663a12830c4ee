// The SDK's consumer: one message at a time. Header-only, C++17. A consumer that wants batches, leases or
// partitions derives from BatchConsumer (batch_consumer.hpp) instead.
//
//     struct Inbox : volley::Consumer {
//         explicit Inbox(const volley::Context& context);
//         std::optional<volley::QueueMessage> consume(std::string_view queue) override;
//         bool delete_message(std::string_view queue, std::string_view message_context) override;
//         bool on_fail(std::string_view queue, std::string_view message_context) override;
//     };
//
// One instance is used by one thread. `queue` is the `value` of the queue in the configuration.
//
// The engine logs the text of an exception. Error carries the status. Any other exception counts as
// ErrorCode::retry: the engine backs off, calls again, and is not ready meanwhile. An exception of the
// constructor aborts the startup. A later exception loses no message that consume has returned.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "volley/error.hpp"
#include "volley/message.hpp"
#include "volley/outcome.hpp"

namespace volley {
inline namespace v1 {

class Consumer {
public:
    // The constructor checks the configuration and does no I/O: it runs twice, because the check of a
    // configuration also creates an instance.
    virtual ~Consumer() = default;
    // Connects. After an exception it is called again, until startup_timeout, except after an Error with a
    // code other than retry or unknown.
    virtual void open() {}

    // Returns the next message, or nullopt if there is none now. Must not wait: the SDK waits. At most
    // `static constexpr std::uint32_t max_open` messages are open at once; the default is one.
    virtual std::optional<QueueMessage> consume(std::string_view queue) = 0;
    // Called after consume returned nullopt. true: there will never be more messages. Only in a class with
    // `static constexpr bool bounded = true`.
    virtual bool is_at_end() { return false; }

    // The message is done: deletes it. Returns false if it no longer belongs to this consumer.
    virtual bool delete_message(std::string_view queue, std::string_view message_context) = 0;
// Overriding only one of the two on_fail methods is intended.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
#endif
    // The message failed or is released: puts it back, so that it is delivered again to any consumer. If the
    // store does not redeliver by itself, this method must do it. Returns false if the message no longer
    // belongs to this consumer. A class overrides this method or the next one.
    virtual bool on_fail(std::string_view /*queue*/, std::string_view /*message_context*/) { return true; }
    // The same, with the reason and the delay. `failure.is_release`: the message did not fail.
    virtual bool on_fail(std::string_view queue, std::string_view message_context,
                         const Failure& /*failure*/) {
        return on_fail(queue, message_context);
    }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
    // The message failed permanently, and the engine has handled it: a dead letter is stored, or it is
    // dropped. It must not be delivered again. For stores that keep such messages separately; the default
    // deletes it.
    virtual bool reject(std::string_view queue, std::string_view message_context,
                        const Failure& /*failure*/) {
        return delete_message(queue, message_context);
    }

    // Called when every consumed message has been settled, unless the instance failed.
    virtual void shutdown() {}
    // A permanent name of the store (volley_ext_identity in plugin.h); empty: message ids are unique in all
    // stores. Without an override, an output may be stored twice after a crash, even in a store with
    // deduplication.
    virtual std::string identity() { return {}; }
};

}  // namespace v1
}  // namespace volley
