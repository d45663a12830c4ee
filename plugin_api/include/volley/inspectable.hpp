// What `volley peek`, `volley queues`, `volley dlq`, dashboards and autoscalers show of a queue
// (volley.inspect/1), from two methods. Header-only, C++17.
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

// A second base of a Consumer or a BatchConsumer. The methods are called by the thread of the other methods,
// after open(). What they throw is shown to whoever asked.
class Inspectable {
public:
    virtual ~Inspectable() = default;
    // Returns how many messages wait; -1: unknown. Called up to ten times a second.
    virtual std::int64_t count(std::string_view queue) = 0;
    // Returns up to `limit` of the messages that wait, after the first `skip`, in a stable order, without
    // taking them. An empty result is the end. The id of each is what find and remove get.
    virtual std::vector<QueueMessage> peek(std::string_view queue, std::uint64_t skip,
                                           std::uint32_t limit) = 0;

    // Optional: deletes the waiting message with this id. Returns whether it was there. With it, dead letters
    // can be retried and deleted, and the queue purged.
    virtual bool remove(std::string_view /*queue*/, std::string_view /*id*/) {
        throw Error(ErrorCode::unsupported, "this connector removes no single message");
    }
    // Optional: returns the waiting message with this id; by default it is searched for with peek.
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
    // Optional: deletes all that waits. Returns how many that were. By default each is removed.
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
    // A peek that ignores `skip`, or a remove that removes nothing, must not make this go on for ever.
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
