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
// What a method throws is logged with its text. Error carries the status. Any other exception counts as
// ErrorCode::retry: the engine backs off, calls again, and is not ready meanwhile. What the constructor
// throws ends the start. No message that consume has returned is lost by a later exception.
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
    // configuration makes an instance, too.
    virtual ~Consumer() = default;
    // Connects. What it throws is retried, until startup_timeout, unless it is an Error with another code
    // than retry or unknown.
    virtual void open() {}

    // Returns the next message, or nullopt if there is none now. Never waits: the SDK does. The class keeps
    // at most `static constexpr std::uint32_t max_open` messages open, one if it does not say.
    virtual std::optional<QueueMessage> consume(std::string_view queue) = 0;
    // Asked after consume returned nullopt. true: there are no more messages, ever. Only in a class with
    // `static constexpr bool bounded = true`.
    virtual bool is_at_end() { return false; }

    // The message is done. Returns false if it was no longer this consumer's.
    virtual bool delete_message(std::string_view queue, std::string_view message_context) = 0;
// Overriding one of the two methods on_fail is no mistake.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
#endif
    // The message failed, or is released: puts it back, so that it is delivered again, to anybody. A store
    // that delivers nothing again by itself must do it here. Returns false if it was no longer this
    // consumer's. A class overrides this method, or the next one.
    virtual bool on_fail(std::string_view /*queue*/, std::string_view /*message_context*/) { return true; }
    // The same, with the reason and the delay. `failure.is_release` tells a message that did not fail.
    virtual bool on_fail(std::string_view queue, std::string_view message_context,
                         const Failure& /*failure*/) {
        return on_fail(queue, message_context);
    }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
    // The message has failed for good, and the engine has dealt with it: a dead letter is stored, or it is
    // dropped. It must not come again. For stores that keep such messages apart; the default deletes it.
    virtual bool reject(std::string_view queue, std::string_view message_context,
                        const Failure& /*failure*/) {
        return delete_message(queue, message_context);
    }

    // Every message that was consumed has been settled, unless the instance failed.
    virtual void shutdown() {}
    // Names the store for good (volley_ext_identity in plugin.h); empty: message ids are unique in all
    // stores. Without an override, what was stored may be stored again after a crash, also where repeats are
    // dropped.
    virtual std::string identity() { return {}; }
};

}  // namespace v1
}  // namespace volley
