// A batch producer (abi.hpp) over the methods of a Producer: every report is made before produce returns.
// Header-only, C++17.
#pragma once

#include <utility>

#include "volley/abi.hpp"
#include "volley/class_flags.hpp"
#include "volley/producer.hpp"

namespace volley {
inline namespace v1 {
namespace detail {

inline Options options_of(const volley_record& record) {
    Options options;
    if (!is_absent(record.key)) options.key = text_of(record.key);
    options.id = text_of(record.id);
    options.delay_ms = record.delay_ms;
    options.headers = Headers(record.headers, record.header_count);
    options.is_tombstone = is_absent(record.body);
    options.timestamp_ms = record.timestamp_ms;
    options.partition = record.partition;
    return options;
}

template <typename T>
class ProducerShim {
    static constexpr bool is_ordered = (class_flags<T>() & VOLLEY_ORDERED) != 0;

public:
    ProducerShim(Context context, volley_report_fn report, void* report_context)
        : context_(std::move(context)),
          producer_(context_),
          report_(report),
          report_context_(report_context) {}

    static constexpr std::int32_t other_exceptions = VOLLEY_E_RETRY;

    void open() { base_.open(); }

    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted) {
        while (accepted < count) {
            const volley_record& record = element(records, stride, accepted);
            volley_error own{};
            own.struct_size = sizeof own;
            const std::int32_t status = send(record, own);
            // The engine sends this record again, and those behind it afterwards.
            if (is_ordered && status == VOLLEY_E_RETRY) {
                Error why(ErrorCode::retry, own.text);
                why.retry_after_ms = own.retry_after_ms;
                throw why;
            }
            ++accepted;
            volley_report report{};
            report.token = record.token;
            report.partition = -1;
            report.offset = -1;
            report.status = status;
            report.text = volley_text(own.text);
            report_(report_context_, &report, 1, sizeof report);
        }
        return VOLLEY_OK;
    }

    void close(std::uint32_t) { base_.shutdown(); }

private:
    std::int32_t send(const volley_record& record, volley_error& error) {
        return guard<VOLLEY_E_RETRY>(&error, [&]() -> std::int32_t {
            if (base_.produce(text_of(record.queue), text_of(record.body), options_of(record)))
                return VOLLEY_OK;
            return volley_fail(&error, VOLLEY_E_RETRY, "the producer did not take it");
        });
    }

    Context context_;
    T producer_;
    Producer& base_ = producer_;  // the author's class may have members of the same names
    volley_report_fn report_;
    void* report_context_;
};

}  // namespace detail
}  // namespace v1
}  // namespace volley
