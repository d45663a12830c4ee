#include "runtime/receiver.hpp"

#include <algorithm>
#include <functional>
#include <limits>

#include "log/log.hpp"
#include "runtime/call_status.hpp"
#include "runtime/decode.hpp"
#include "runtime/encode.hpp"
#include "runtime/identity.hpp"
#include "runtime/message_span.hpp"

namespace volley::runtime {

namespace {

constexpr std::uint32_t most_stores = 1'000'000;

std::uint32_t bytes_of(const volley_message& message) {
    std::size_t bytes = message.body.size + message.key.size;
    for (std::uint32_t i = 0; i < message.header_count; ++i)
        bytes += message.headers[i].name.size + message.headers[i].value.size;
    return static_cast<std::uint32_t>(
        std::min<std::size_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

Result<void> Receiver::ask_identity(Input& input) {
    if (!input.has_identity()) return {};
    const auto identity = input.identity();
    if (identity) {
        if (store_ != 0 && *identity == identity_) return {};
        identity_ = *identity;
        // An index is reused only after so many others that no message of its first store is in flight any
        // more.
        last_store_ = last_store_ % most_stores + 1;
        store_ = last_store_;
        pipeline_.stores.grow_to(store_);
        pipeline_.stores[store_] = store_name(identity_);
        return {};
    }
    if (!is_passing(identity.error().code) && !is_refusal(identity.error().code)) return identity.error();
    if (store_ != 0 || !told_no_identity_) {
        log::warning(
            "the input does not say which store it is; after a crash, outputs that were stored may be stored "
            "again",
            {{"component", pipeline_.config.name},
             {"queue", pipeline_.input.name},
             {"cause", identity.error().text}});
    }
    told_no_identity_ = true;
    store_ = 0;
    return {};
}

bool Receiver::receive(const volley_message& message, std::int64_t received_ms) {
    const delivery::Lane* lane = assignments_.lane_of(message);
    if (lane == nullptr) return false;
    delivery::Incoming incoming;
    incoming.handle = message.handle;
    incoming.lane = *lane;
    incoming.offset = message.offset;
    incoming.bytes = bytes_of(message);
    const bool key_inside = orders_by_key_ && !pipeline_.input.key.empty();
    if (key_inside) {
        find_key(message, incoming);
    } else if (orders_by_key_ && !is_absent(message.key)) {
        incoming.has_key = true;
        incoming.key_hash = std::hash<std::string_view>{}(text_of(message.key));
    }
    incoming.redelivered = message.delivery_count > 1;
    const delivery::Slot slot = core_.receive(incoming);
    if (slot == delivery::no_slot) return false;
    pipeline_.contexts.grow_to(slot);
    MessageContext& context = pipeline_.contexts[slot];
    context.arrive(message, received_ms, store_);
    if (pipeline_.tap->is_on())
        pipeline_.tap->note(TappedMessage::Direction::in, pipeline_.input.name, message);
    if (key_inside) keep_key_lookup(context, slot);
    return true;
}

// Finds the key of a message that has it in the body. A body that cannot be decoded has no key.
void Receiver::find_key(const volley_message& message, delivery::Incoming& incoming) {
    constexpr std::size_t on_the_heap = 64;  // so that a swap keeps the text in place for the tree
    key_lookup_.arrive(message, 0, store_);
    key_lookup_.begin();
    key_lookup_.is_clean = false;  // whatever the result is
    key_lookup_.scratch.reserve(on_the_heap);
    key_lookup_.refused = decode(pipeline_, key_lookup_, pipeline_.keeps_tree ? &key_lookup_tree_ : nullptr);
    incoming.has_key = !key_lookup_.refused && !key_lookup_.key.empty();
    incoming.key_hash = std::hash<std::string_view>{}(key_lookup_.key);
}

// The body is parsed once, so everything that needs its tree happens now. Keeping the trees of all messages
// in flight for the workers would take too much memory.
void Receiver::keep_key_lookup(MessageContext& context, delivery::Slot slot) {
    context.begin();
    context.is_clean = false;
    context.refused.swap(key_lookup_.refused);
    if (!key_lookup_.decoded) return;
    context.decoded = true;
    context.key.swap(key_lookup_.key);
    context.scratch.swap(key_lookup_.scratch);
    if (pipeline_.keeps_tree) {
        context.body =
            context.scratch.empty() ? text_of(context.message.body) : std::string_view(context.scratch);
        begin_span(pipeline_, context);
        for (const auto& output_queue : pipeline_.output_queues)
            add_forward(pipeline_, context, slot, output_queue->index);
        context.refused = encode(pipeline_, context, &key_lookup_tree_);
        context.encoded = true;
    }
    context.counted = context.held();
    if (context.counted > 0) core_.grow(slot, context.counted);
}

}  // namespace volley::runtime
