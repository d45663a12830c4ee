// Provides the data for `volley peek`, `volley queues`, `volley dlq`, dashboards and autoscalers
// (volley.inspect/1) from two methods. Header-only, C++17.
//
//     struct Inbox : volley::Consumer, volley::Inspectable { … };
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "volley/error.hpp"
#include "volley/message.hpp"
#include "volley/overridden.hpp"

namespace volley {
inline namespace v1 {

// A second base of a Consumer or a BatchConsumer. The thread of the other methods calls these methods, after
// open(). The caller of the inspection sees the text of an exception.
class Inspectable {
public:
    virtual ~Inspectable() = default;
    // Returns the number of waiting messages; -1: unknown. Called up to ten times a second.
    virtual std::int64_t count(std::string_view queue) = 0;
    // Returns up to `limit` waiting messages after the first `skip`, in a stable order, without receiving
    // them. An empty result means the end. find and remove get the id of a message.
    virtual std::vector<QueueMessage> peek(std::string_view queue, std::uint64_t skip,
                                           std::uint32_t limit) = 0;

    // Optional: deletes the waiting message with this id. Returns whether it existed. This allows retrying
    // and deleting dead letters, and purging the queue.
    virtual bool remove(std::string_view /*queue*/, std::string_view /*id*/) {
        throw Error(ErrorCode::unsupported, "this connector removes no single message");
    }
    // Optional: returns the waiting message with this id; the default searches with peek.
    virtual std::optional<QueueMessage> find(std::string_view queue, std::string_view id) {
        std::string first;  // of the last page
        for (std::uint64_t skip = 0;;) {
            auto messages = peek(queue, skip, page);
            if (messages.empty() || is_repeated(messages, first)) return std::nullopt;
            for (QueueMessage& message : messages) {
                if (id_of(message) == id) return std::move(message);
            }
            skip += messages.size();
        }
    }
    // Optional: deletes all waiting messages. Returns how many there were. The default removes each.
    virtual std::uint64_t purge(std::string_view queue) {
        std::uint64_t removed = 0;
        std::string first;  // of the last page
        for (std::uint64_t before = 1; removed != before;) {
            const auto messages = peek(queue, 0, page);
            if (messages.empty() || is_repeated(messages, first)) return removed;
            before = removed;
            for (const QueueMessage& message : messages) {
                if (remove(queue, id_of(message))) ++removed;
            }
        }
        return removed;
    }

private:
    static constexpr std::uint32_t page = 256;

    static std::string_view id_of(const QueueMessage& message) {
        return message.id ? *message.id : message.message_context;
    }
    // A peek that ignores `skip`, or a remove that removes nothing, must not make this loop forever.
    static bool is_repeated(const std::vector<QueueMessage>& messages, std::string& first) {
        const std::string_view now = id_of(messages.front());
        if (now == first) return true;
        first = now;
        return false;
    }
};

namespace detail {

VOLLEY_DETAIL_OVERRIDES(overrides_remove, bool, remove, (std::string_view, std::string_view));
VOLLEY_DETAIL_OVERRIDES(overrides_purge, std::uint64_t, purge, (std::string_view));

}  // namespace detail
}  // namespace v1
}  // namespace volley
