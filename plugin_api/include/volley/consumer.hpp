// The SDK's consumer and producer: the four methods of a connector, one message at a time. Header-only,
// C++17. A connector that wants batches, leases or partitions is written on abi.hpp instead.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <string>

#include "volley/abi.hpp"
#include "volley/message.hpp"

namespace volley {
inline namespace v0 {

// One instance is used by one thread. Methods throw Error: ErrorCode::retry while the store is away.
class Consumer {
public:
    virtual ~Consumer() = default;
    // Nothing there now: nullopt; never waits, the SDK does.
    virtual std::optional<QueueMessage> consume(std::string_view queue) = 0;
    // The message is done. false: it was no longer ours.
    virtual bool delete_message(std::string_view queue, std::string_view message_context) = 0;
    // The message failed, or was never started: put it back. false: it was no longer ours.
    virtual bool on_fail(std::string_view queue, std::string_view message_context) = 0;
    virtual void shutdown() {}
    // Names the store for good (volley_ext_identity in plugin.h); empty: message ids are unique in all
    // stores. Without an override, what was stored may be stored again after a crash, also where repeats are
    // dropped.
    virtual std::string identity() { return {}; }
};

class Producer {
public:
    virtual ~Producer() = default;
    // true: durable, as far as the store promises it. false, or Error{retry}: it will be tried again.
    virtual bool produce(std::string_view queue, std::string_view message, const Options& options) = 0;
    virtual void shutdown() {}
};

namespace detail {

// How many deliveries a consumer class keeps open: T::max_open, else one.
template <typename T, typename = void>
struct max_open : std::integral_constant<std::uint32_t, 1> {};
template <typename T>
struct max_open<T, std::void_t<decltype(T::max_open)>> : std::integral_constant<std::uint32_t, T::max_open> {
};

// A batch consumer (abi.hpp) over the four methods. Keeps a copy of each open message; waits for an empty
// store with growing pauses that interrupt() ends.
template <typename T>
class ConsumerShim {
public:
    explicit ConsumerShim(Context context) : context_(std::move(context)), consumer_(context_) {}

    void open() {}

    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
        while (batch.count < batch.capacity && open_.size() < max_open<T>::value) {
            if (auto message = consumer_.consume(context_.value())) {
                pause_ = shortest_pause;
                fill(batch, std::move(*message));
                continue;
            }
            if (batch.count > 0 || !wait(deadline)) return VOLLEY_OK;
        }
        if (batch.count == 0) wait(deadline);
        return VOLLEY_OK;
    }

    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
        for (std::uint32_t i = 0; i < count; ++i) settle_one(element(settlements, stride, i));
    }

    void interrupt() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            interrupted_ = true;
        }
        woken_.notify_one();
    }

    void close(std::uint32_t) { consumer_.shutdown(); }

    const void* extension(std::string_view id) {
        constexpr bool is_overridden = !std::is_same_v<decltype(&T::identity), std::string (Consumer::*)()>;
        return is_overridden && id == VOLLEY_EXT_IDENTITY ? &identity_functions : nullptr;
    }

private:
    static std::int32_t identity(volley_consumer* instance, volley_view* out, volley_error* error) {
        return guard(error, [&] {
            auto& shim = self<ConsumerShim>(instance);
            shim.identity_ = shim.consumer_.identity();
            *out = view_of(shim.identity_);
        });
    }
    static constexpr volley_ext_identity identity_functions{sizeof(volley_ext_identity), 0,
                                                            &ConsumerShim::identity};

    static constexpr std::chrono::milliseconds shortest_pause{1};
    static constexpr std::chrono::milliseconds longest_pause{100};

    struct Open {
        std::uint64_t handle;
        QueueMessage message;
    };

    void fill(volley_batch& batch, QueueMessage message) {
        open_.push_back({next_handle_++, std::move(message)});
        const QueueMessage& kept = open_.back().message;
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        m.handle = open_.back().handle;
        m.body = view_of(kept.message);
        if (!kept.key.empty()) m.key = view_of(kept.key);
        m.id = view_of(kept.message_context);
        m.delivery_count = kept.delivery_count;
    }

    void settle_one(volley_settlement& s) {
        const auto open =
            std::find_if(open_.begin(), open_.end(), [&](const Open& o) { return o.handle == s.handle; });
        if (open == open_.end()) {
            s.result = VOLLEY_E_LOST;
            return;
        }
        const std::string& context = open->message.message_context;
        s.result = guard(nullptr, [&]() -> std::int32_t {
            const bool ours = s.outcome == VOLLEY_ACK ? consumer_.delete_message(context_.value(), context)
                                                      : consumer_.on_fail(context_.value(), context);
            return ours ? VOLLEY_OK : VOLLEY_E_LOST;
        });
        if (s.result == VOLLEY_E_RETRY) return;  // stays open: the engine settles it again
        if (s.result != VOLLEY_OK) s.result = VOLLEY_E_LOST;
        open_.erase(open);
    }

    // Returns false when the time is over or somebody interrupted.
    bool wait(std::chrono::steady_clock::time_point deadline) {
        std::unique_lock<std::mutex> lock(mutex_);
        const auto until = std::min(deadline, std::chrono::steady_clock::now() + pause_);
        const bool interrupted = woken_.wait_until(lock, until, [this] { return interrupted_; });
        interrupted_ = false;
        pause_ = std::min(pause_ * 2, longest_pause);
        return !interrupted && std::chrono::steady_clock::now() < deadline;
    }

    Context context_;
    T consumer_;
    std::string identity_;  // as it said last
    std::list<Open> open_;  // a list: views into it stay valid
    std::uint64_t next_handle_ = 1;
    std::chrono::milliseconds pause_{1};
    std::mutex mutex_;
    std::condition_variable woken_;
    bool interrupted_ = false;
};

// A batch producer over produce(): synchronous, so that every report comes before it returns.
template <typename T>
class ProducerShim {
public:
    ProducerShim(Context context, volley_report_fn report, void* report_context)
        : context_(std::move(context)),
          producer_(context_),
          report_(report),
          report_context_(report_context) {}

    void open() {}

    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted) {
        for (; accepted < count; ++accepted) {
            const volley_record& record = element(records, stride, accepted);
            volley_error error{};
            error.struct_size = sizeof error;
            volley_report report{};
            report.token = record.token;
            report.partition = -1;
            report.offset = -1;
            report.status = guard(&error, [&]() -> std::int32_t {
                const Options options{text_of(record.key), text_of(record.id), record.delay_ms};
                if (producer_.produce(text_of(record.queue), text_of(record.body), options)) return VOLLEY_OK;
                return volley_fail(&error, VOLLEY_E_RETRY, "the producer did not take it");
            });
            report.text = volley_text(error.text);
            report_(report_context_, &report, 1, sizeof report);
        }
        return VOLLEY_OK;
    }

    void close(std::uint32_t) { producer_.shutdown(); }

private:
    Context context_;
    T producer_;
    volley_report_fn report_;
    void* report_context_;
};

}  // namespace detail
}  // namespace v0
}  // namespace volley
