// A batch consumer (abi.hpp) over the methods of a Consumer. Header-only, C++17.
#pragma once

#include <algorithm>
#include <chrono>
#include <exception>
#include <list>
#include <string>
#include <utility>

#include "volley/abi.hpp"
#include "volley/consumer.hpp"
#include "volley/inspection.hpp"
#include "volley/overridden.hpp"
#include "volley/pauses.hpp"

namespace volley {
inline namespace v1 {
namespace detail {

VOLLEY_DETAIL_OVERRIDES(overrides_identity, std::string, identity, ());
VOLLEY_DETAIL_OVERRIDES(overrides_on_fail, bool, on_fail, (std::string_view, std::string_view));
VOLLEY_DETAIL_OVERRIDES(overrides_on_fail_for, bool, on_fail,
                        (std::string_view, std::string_view, const Failure&));

// How many deliveries a consumer class keeps open: T::max_open, or one.
template <typename T, typename = void>
struct max_open : std::integral_constant<std::uint32_t, 1> {};
template <typename T>
struct max_open<T, std::void_t<decltype(T::max_open)>> : std::integral_constant<std::uint32_t, T::max_open> {
};

// Keeps a copy of each open message; waits for an empty store with growing pauses that interrupt() ends.
template <typename T>
class ConsumerShim {
    static_assert(overrides_on_fail<T, Consumer>::value || overrides_on_fail_for<T, Consumer>::value,
                  "a consumer overrides on_fail(queue, context), or on_fail(queue, context, failure)");
    static constexpr bool is_inspectable = std::is_base_of<Inspectable, T>::value;
    static constexpr bool is_named = overrides_identity<T, Consumer>::value;

public:
    explicit ConsumerShim(Context context) : context_(std::move(context)), consumer_(context_) {}

    static constexpr std::int32_t other_exceptions = VOLLEY_E_RETRY;

    void open() { base_.open(); }

    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms) {
        if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
        try {
            return take_until(batch, Pauses::Clock::now() + std::chrono::milliseconds(timeout_ms));
        } catch (...) {
            // An error returns no messages: earlier ones are delivered first.
            if (batch.count == 0) throw;
            keep_failure();
            return VOLLEY_OK;
        }
    }

    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
        for (std::uint32_t i = 0; i < count; ++i) settle_one(element(settlements, stride, i));
    }

    void interrupt() { pauses_.interrupt(); }

    void close(std::uint32_t) { base_.shutdown(); }

    const void* extension(std::string_view id) {
        if constexpr (is_named) {
            if (id == VOLLEY_EXT_IDENTITY) return &identity_functions;
        }
        if constexpr (is_inspectable) {
            if (id == VOLLEY_EXT_INSPECT) return &Inspection<ConsumerShim, T>::functions;
        }
        return nullptr;
    }
    static constexpr const char* extensions[] = {
        is_named ? VOLLEY_EXT_IDENTITY : (is_inspectable ? VOLLEY_EXT_INSPECT : nullptr),
        is_named&& is_inspectable ? VOLLEY_EXT_INSPECT : nullptr, nullptr};

    // For Inspection.
    template <typename U = T>
    Inspectable& inspected() {
        return static_cast<U&>(consumer_);
    }
    const std::string& queue() const { return context_.value(); }
    Inspection<ConsumerShim, T>& inspection() { return inspection_; }

private:
    static std::int32_t identity(volley_consumer* instance, volley_view* out, volley_error* error) {
        return guard<VOLLEY_E_RETRY>(error, [&] {
            auto& shim = self<ConsumerShim>(instance);
            shim.identity_ = shim.base_.identity();
            *out = view_of(shim.identity_);
        });
    }
    static constexpr volley_ext_identity identity_functions{sizeof(volley_ext_identity), 0,
                                                            &ConsumerShim::identity};

    std::int32_t take_until(volley_batch& batch, Pauses::Clock::time_point deadline) {
        while (batch.count < batch.capacity && open_.size() < max_open<T>::value) {
            if (take(batch)) continue;
            is_away_ = false;
            if (base_.is_at_end()) return VOLLEY_END;
            if (batch.count > 0 || !pauses_.wait(deadline)) return VOLLEY_OK;
        }
        if (batch.count == 0) pauses_.wait(deadline);
        return VOLLEY_OK;
    }

    // Called in the handler of an exception. A temporary error must not be reported by the next call.
    void keep_failure() {
        volley_error error{};
        error.struct_size = sizeof error;
        if (guard<VOLLEY_E_RETRY>(&error, [] { throw; }) != VOLLEY_E_RETRY) {
            failed_ = std::current_exception();
            return;
        }
        if (!is_away_) context_.warning(error.text);
        is_away_ = true;
    }

    // Returns false if there is no message.
    bool take(volley_batch& batch) {
        if (next_.empty()) next_.emplace_back();
        KeptMessage& kept = next_.back();
        if (kept.handle == 0) {
            auto message = base_.consume(context_.value());
            if (!message) return false;
            pauses_.start_over();
            kept.message = std::move(*message);
            kept.handle = next_handle_++;
        }
        // A failure here keeps the message for the next call, because the store has already delivered it.
        kept.fill(element(batch.messages, batch.message_size, batch.count));
        open_.splice(open_.end(), next_);
        ++batch.count;
        return true;
    }

    // Returns whether the delivery belonged to this consumer.
    bool settle_as(const volley_settlement& s, const std::string& message_context) {
        Failure failure;
        failure.is_release = s.outcome == VOLLEY_RELEASE;
        failure.reason = s.reason;
        failure.delay_ms = s.delay_ms;
        failure.attempts = s.attempts;
        failure.text = text_of(s.text);
        const std::string& queue = context_.value();
        if (s.outcome != VOLLEY_ACK) return base_.on_fail(queue, message_context, failure);
        if (s.reason != VOLLEY_REASON_NONE) return base_.reject(queue, message_context, failure);
        return base_.delete_message(queue, message_context);
    }

    void settle_one(volley_settlement& s) {
        const auto open = std::find_if(open_.begin(), open_.end(),
                                       [&](const KeptMessage& kept) { return kept.handle == s.handle; });
        if (open == open_.end()) {
            s.result = VOLLEY_E_LOST;
            return;
        }
        volley_error error{};
        error.struct_size = sizeof error;
        s.result = guard<VOLLEY_E_RETRY>(&error, [&]() -> std::int32_t {
            return settle_as(s, open->message.message_context) ? VOLLEY_OK : VOLLEY_E_LOST;
        });
        if (error.text[0] != '\0') log_unsettled(error.text);  // a result has no text
        if (s.result != VOLLEY_E_RETRY) open_.erase(open);     // otherwise the engine settles it again
    }

    // The same text once a minute: an unavailable store fails every settlement repeatedly.
    void log_unsettled(const char* text) {
        const auto now = Pauses::Clock::now();
        if (text == unsettled_text_ && now - unsettled_logged_ < std::chrono::minutes(1)) return;
        context_.warning(text);
        unsettled_text_ = text;
        unsettled_logged_ = now;
    }

    Context context_;
    T consumer_;
    Consumer& base_ = consumer_;   // the author's class may have members of the same names
    std::string identity_;         // its last value
    std::list<KeptMessage> open_;  // a list: views into it stay valid
    std::list<KeptMessage> next_;  // at most one: room for the next message, or one that is not delivered yet
    std::exception_ptr failed_;    // thrown after the messages before it are delivered
    bool is_away_ = false;         // likewise, but temporary: the store is unavailable
    std::uint64_t next_handle_ = 1;
    std::string unsettled_text_;  // logged last, and when
    Pauses::Clock::time_point unsettled_logged_{};
    Pauses pauses_;
    Inspection<ConsumerShim, T> inspection_;
};

}  // namespace detail
}  // namespace v1
}  // namespace volley
