// The batch classes (abi.hpp) behind BatchConsumer and BatchProducer. Header-only, C++17.
#pragma once

#include <array>
#include <exception>
#include <utility>

#include "volley/abi.hpp"
#include "volley/batch_consumer.hpp"
#include "volley/batch_producer.hpp"
#include "volley/consumer_shim.hpp"
#include "volley/inspection.hpp"
#include "volley/overridden.hpp"
#include "volley/strided.hpp"

namespace volley {
inline namespace v1 {
namespace detail {

using Millis = std::chrono::milliseconds;
VOLLEY_DETAIL_OVERRIDES(overrides_poll, void, poll, (Millis));
VOLLEY_DETAIL_OVERRIDES(overrides_flush, bool, flush, (Millis));
VOLLEY_DETAIL_OVERRIDES(overrides_interrupt, void, interrupt, ());
VOLLEY_DETAIL_OVERRIDES(overrides_pause, void, pause, (Strided<const volley_partition>));
VOLLEY_DETAIL_OVERRIDES(overrides_resume, void, resume, (Strided<const volley_partition>));

// The extensions of a consumer class T, each if T has the base class for it. Shim has consumer().
template <typename Shim, typename T>
struct ConsumerExtensions {
    template <typename Body>
    static std::int32_t call(volley_consumer* i, volley_error* error, Body&& body) {
        return guard<VOLLEY_E_RETRY>(error, [&] { body(self<Shim>(i).consumer()); });
    }
    static Strided<const volley_partition> partitions(const volley_partition* p, std::uint32_t count,
                                                      std::uint32_t stride) {
        return {p, count, stride};
    }

    static std::int32_t extend(volley_consumer* i, const std::uint64_t* handles, std::int32_t* results,
                               std::uint32_t count, std::uint32_t lease_ms, volley_error* e) {
        return call(i, e, [&](T& c) { c.extend(LeaseList(handles, results, count), Millis(lease_ms)); });
    }
    static void listen(volley_consumer* i, const volley_partition_events* events) {
        self<Shim>(i).consumer().listen(events);
    }
    static std::int32_t pause(volley_consumer* i, const volley_partition* p, std::uint32_t count,
                              std::uint32_t stride, volley_error* e) {
        return call(i, e, [&](T& c) { c.pause(partitions(p, count, stride)); });
    }
    static std::int32_t resume(volley_consumer* i, const volley_partition* p, std::uint32_t count,
                               std::uint32_t stride, volley_error* e) {
        return call(i, e, [&](T& c) { c.resume(partitions(p, count, stride)); });
    }
    static std::int32_t commit(volley_consumer* i, const volley_partition* p, std::uint32_t count,
                               std::uint32_t stride, std::int32_t wait, std::uint32_t timeout_ms,
                               volley_error* e) {
        return call(i, e,
                    [&](T& c) { c.commit(partitions(p, count, stride), wait != 0, Millis(timeout_ms)); });
    }
    static std::int32_t identity(volley_consumer* i, volley_view* out, volley_error* e) {
        return guard<VOLLEY_E_RETRY>(e, [&] { *out = view_of(self<Shim>(i).name_of_store()); });
    }

    static const void* find(std::string_view id) {
        if constexpr (std::is_base_of_v<Leases, T>) {
            static constexpr volley_ext_lease functions{sizeof functions, 0, &extend};
            if (id == VOLLEY_EXT_LEASE) return &functions;
        }
        if constexpr (std::is_base_of_v<Partitioned, T>) {
            static constexpr volley_ext_partitions functions{
                sizeof functions, 0, &listen, overrides_pause<T, Partitioned>::value ? &pause : nullptr,
                overrides_resume<T, Partitioned>::value ? &resume : nullptr};
            if (id == VOLLEY_EXT_PARTITIONS) return &functions;
        }
        if constexpr (std::is_base_of_v<OffsetLog, T>) {
            static constexpr volley_ext_log functions{sizeof functions, 0, &commit};
            if (id == VOLLEY_EXT_LOG) return &functions;
        }
        if constexpr (overrides_identity<T, BatchConsumer>::value) {
            static constexpr volley_ext_identity functions{sizeof functions, 0, &identity};
            if (id == VOLLEY_EXT_IDENTITY) return &functions;
        }
        if constexpr (std::is_base_of_v<Inspectable, T>) {
            if (id == VOLLEY_EXT_INSPECT) return &Inspection<Shim, T>::functions;
        }
        return nullptr;
    }

    static constexpr std::array<const char*, 6> ids() {
        std::array<const char*, 6> out{};
        std::size_t count = 0;
        if (std::is_base_of_v<Leases, T>) out[count++] = VOLLEY_EXT_LEASE;
        if (std::is_base_of_v<Partitioned, T>) out[count++] = VOLLEY_EXT_PARTITIONS;
        if (std::is_base_of_v<OffsetLog, T>) out[count++] = VOLLEY_EXT_LOG;
        if (overrides_identity<T, BatchConsumer>::value) out[count++] = VOLLEY_EXT_IDENTITY;
        if (std::is_base_of_v<Inspectable, T>) out[count++] = VOLLEY_EXT_INSPECT;
        return out;
    }
};

template <typename T>
class BatchConsumerShim {
    using Extensions = ConsumerExtensions<BatchConsumerShim, T>;

public:
    explicit BatchConsumerShim(Context context) : context_(std::move(context)), consumer_(context_) {}

    static constexpr std::int32_t other_exceptions = VOLLEY_E_RETRY;
    static constexpr std::array<const char*, 6> extensions = Extensions::ids();

    void open() { consumer_.open(); }

    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms) {
        if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
        try {
            Batch room(batch);
            consumer_.consume(room, Millis(timeout_ms));
            return consumer_.is_at_end() ? VOLLEY_END : VOLLEY_OK;
        } catch (...) {
            // An error returns no messages: earlier ones are delivered first.
            if (batch.count == 0) throw;
            failed_ = std::current_exception();
            return VOLLEY_OK;
        }
    }

    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
        const Strided<volley_settlement> all(settlements, count, stride);
        try {
            consumer_.settle(all);
        } catch (...) {
            // An error would mean that all stay open. Deliveries that were settled before it must not be
            // settled again.
            volley_error error{};
            error.struct_size = sizeof error;
            bool any_closed = false;
            for (const volley_settlement& s : all) any_closed = any_closed || s.result != VOLLEY_E_RETRY;
            if (!any_closed || guard<VOLLEY_E_RETRY>(&error, [] { throw; }) != VOLLEY_E_RETRY) throw;
            context_.warning(error.text);
        }
    }

    template <typename U = T, typename = std::enable_if_t<overrides_poll<U, BatchConsumer>::value>>
    void poll(std::uint32_t timeout_ms) {
        consumer_.poll(Millis(timeout_ms));
    }
    template <typename U = T, typename = std::enable_if_t<overrides_interrupt<U, BatchConsumer>::value>>
    void interrupt() {
        consumer_.interrupt();
    }
    void close(std::uint32_t timeout_ms) { consumer_.close(Millis(timeout_ms)); }
    const void* extension(std::string_view id) { return Extensions::find(id); }

    // For the extensions.
    T& consumer() { return consumer_; }
    const std::string& name_of_store() { return identity_ = consumer_.identity(); }
    template <typename U = T>
    Inspectable& inspected() {
        return static_cast<U&>(consumer_);
    }
    const std::string& queue() const { return context_.value(); }
    Inspection<BatchConsumerShim, T>& inspection() { return inspection_; }

private:
    Context context_;
    T consumer_;
    std::string identity_;       // its last value
    std::exception_ptr failed_;  // thrown after the messages before it are delivered
    Inspection<BatchConsumerShim, T> inspection_;
};

template <typename T>
class BatchProducerShim {
public:
    BatchProducerShim(Context context, volley_report_fn report, void* report_context)
        : context_(std::move(context)), producer_(context_) {
        producer_.reports().attach(report, report_context);
    }

    static constexpr std::int32_t other_exceptions = VOLLEY_E_RETRY;

    void open() { producer_.open(); }

    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted) {
        Records offered(Strided<const volley_record>(records, count, stride), accepted);
        producer_.produce(offered);
        return accepted < count ? VOLLEY_AGAIN : VOLLEY_OK;
    }

    template <typename U = T, typename = std::enable_if_t<overrides_poll<U, BatchProducer>::value>>
    void poll(std::uint32_t timeout_ms) {
        producer_.poll(Millis(timeout_ms));
    }
    template <typename U = T, typename = std::enable_if_t<overrides_flush<U, BatchProducer>::value>>
    std::int32_t flush(std::uint32_t timeout_ms) {
        return producer_.flush(Millis(timeout_ms)) ? VOLLEY_OK : VOLLEY_AGAIN;
    }
    void close(std::uint32_t timeout_ms) { producer_.close(Millis(timeout_ms)); }

private:
    Context context_;
    T producer_;
};

}  // namespace detail
}  // namespace v1
}  // namespace volley
