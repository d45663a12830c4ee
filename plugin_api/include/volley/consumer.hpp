// The SDK's consumer and producer: the four methods of a connector, one message at a time. Header-only,
// C++17. A connector that wants batches, leases or partitions is written on abi.hpp instead.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "volley/abi.hpp"
#include "volley/message.hpp"

namespace volley {
inline namespace v0 {

// One instance is used by one thread. Methods throw Error: ErrorCode::retry while the store is away. What
// else they throw counts as ErrorCode::fatal: the component stops, and says why. The
// constructor runs twice, because the check of a configuration makes an instance, too.
class Consumer {
public:
    virtual ~Consumer() = default;
    // Nothing there now: nullopt; never waits, the SDK does.
    virtual std::optional<QueueMessage> consume(std::string_view queue) = 0;
    // The message is done. false: it was no longer this consumer's.
    virtual bool delete_message(std::string_view queue, std::string_view message_context) = 0;
    // The message failed, or is released: put it back, so that it is delivered again, to anybody. A store
    // that delivers nothing again by itself must do it here. false: it was no longer this consumer's.
    virtual bool on_fail(std::string_view queue, std::string_view message_context) = 0;
    virtual void shutdown() {}
    // Names the store for good (volley_ext_identity in plugin.h); empty: message ids are unique in all
    // stores. Without an override, what was stored may be stored again after a crash, also where repeats are
    // dropped.
    virtual std::string identity() { return {}; }
};

// One thread at a time. The constructor as the consumer's.
class Producer {
public:
    virtual ~Producer() = default;
    // true: durable, as far as the store promises it. false, or Error{retry}: it is tried again, as after any
    // exception that is no Error. Error{permanent} and the like: the message fails for good.
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
        if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
        try {
            while (batch.count < batch.capacity && open_.size() < max_open<T>::value) {
                if (take(batch)) continue;
                is_away_ = false;
                if (batch.count > 0 || !wait(deadline)) return VOLLEY_OK;
            }
        } catch (...) {
            // An error gives no messages: those before it come first.
            if (batch.count == 0) throw;
            keep_failure();
            return VOLLEY_OK;
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
        std::uint64_t handle = 0;
        QueueMessage message = {};
        std::vector<volley_header> headers = {};
    };

    // In the handler of an exception. What may have passed by the next call is not an error of that call.
    void keep_failure() {
        volley_error error{};
        error.struct_size = sizeof error;
        if (guard(&error, [] { throw; }) != VOLLEY_E_RETRY) {
            failed_ = std::current_exception();
            return;
        }
        if (!is_away_) context_.warning(error.text);
        is_away_ = true;
    }

    // Returns false if nothing is there.
    bool take(volley_batch& batch) {
        if (next_.empty()) next_.emplace_back();
        Open& open = next_.back();
        if (open.handle == 0) {
            auto message = consumer_.consume(context_.value());
            if (!message) return false;
            pause_ = shortest_pause;
            open.message = std::move(*message);
            open.handle = next_handle_++;
        }
        // What fails here leaves the message for the next call: the store has handed it over already.
        fill(element(batch.messages, batch.message_size, batch.count), open);
        open_.splice(open_.end(), next_);
        ++batch.count;
        return true;
    }

    void fill(volley_message& m, Open& open) {
        const QueueMessage& kept = open.message;
        open.headers.clear();
        for (const Header& header : kept.headers) open.headers.push_back(header_of(header));
        m.handle = open.handle;
        m.body = view_of(kept.message);
        if (kept.key) m.key = view_of(*kept.key);
        m.id = view_of(kept.message_context);
        m.headers = open.headers.data();
        m.header_count = static_cast<std::uint32_t>(open.headers.size());
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
        volley_error error{};
        error.struct_size = sizeof error;
        s.result = guard(&error, [&]() -> std::int32_t {
            const bool ours = s.outcome == VOLLEY_ACK ? consumer_.delete_message(context_.value(), context)
                                                      : consumer_.on_fail(context_.value(), context);
            return ours ? VOLLEY_OK : VOLLEY_E_LOST;
        });
        if (error.text[0] != '\0') context_.warning(error.text);  // a result carries no text
        if (s.result != VOLLEY_E_RETRY) open_.erase(open);        // else the engine settles it again
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
    std::string identity_;       // as it said last
    std::list<Open> open_;       // a list: views into it stay valid
    std::list<Open> next_;       // one at most: room for the next message, or one that is not delivered yet
    std::exception_ptr failed_;  // thrown behind messages that were delivered
    bool is_away_ = false;       // likewise, and told: the store, for a moment
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
                Options options;
                if (!is_absent(record.key)) options.key = text_of(record.key);
                options.id = text_of(record.id);
                options.delay_ms = record.delay_ms;
                options.headers = Headers(record.headers, record.header_count);
                options.is_tombstone = is_absent(record.body);
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
