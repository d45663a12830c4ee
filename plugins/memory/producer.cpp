#include "producer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "inspect.hpp"

namespace volley::memory {

namespace {

constexpr std::uint32_t chunk = 256;

// Copies the record into the slot, reusing the slot's memory.
void fill(Slot& slot, const volley_record& record, std::int64_t now_ms) {
    std::size_t size = record.body.size + record.key.size;
    for (std::uint32_t i = 0; i < record.header_count; ++i)
        size += record.headers[i].name.size + record.headers[i].value.size;
    slot.bytes.resize(
        std::max<std::size_t>(size, 1));  // an empty view also needs an address: null means absent

    char* at = slot.bytes.data();
    const auto copy = [&at](const volley_view& from) -> volley_view {
        if (from.data == nullptr) return {};
        char* start = at;
        std::memcpy(start, from.data, from.size);
        at += from.size;
        return {start, from.size};
    };
    slot.body = copy(record.body);
    slot.key = copy(record.key);
    slot.headers.resize(record.header_count);
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        slot.headers[i].name = copy(record.headers[i].name);
        slot.headers[i].value = copy(record.headers[i].value);
    }
    slot.timestamp_ms = record.timestamp_ms != 0 ? record.timestamp_ms : now_ms;
    slot.due = due_after(record.delay_ms);
}

}  // namespace

MemoryProducer::MemoryProducer(const Context& context, volley_report_fn report, void* report_context)
    : config_(read_config(context)),
      report_(report),
      report_context_(report_context),
      queue_(&queue_named(context.value())),
      host_(context.host()),
      discarded_(host_->metric(host_, VOLLEY_COUNTER, "memory_discarded_total",
                               "Messages counted and not kept", nullptr, 0)) {
    if (config_.capacity) queue_->set_capacity(*config_.capacity);
}

void MemoryProducer::report_done(const volley_record* records, std::uint32_t count,
                                 std::uint32_t stride) const {
    std::array<volley_report, chunk> reports;
    for (std::uint32_t i = 0; i < count; ++i) {
        reports[i] = volley_report{};
        reports[i].token = element(records, stride, i).token;
        reports[i].partition = -1;
        reports[i].offset = -1;
    }
    report_(report_context_, reports.data(), count, sizeof(volley_report));
}

std::int32_t MemoryProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                     std::uint32_t& accepted) {
    std::array<Slot*, chunk> slots;
    const std::int64_t now = unix_ms();
    while (accepted < count) {
        const std::uint32_t wanted = std::min(count - accepted, chunk);
        const volley_record* first = &element(records, stride, accepted);
        if (config_.discard) {
            host_->metric_add(discarded_, wanted);
            accepted += wanted;
            report_done(first, wanted, stride);
            continue;
        }
        const std::uint32_t n = queue_->reserve(slots.data(), wanted);
        for (std::uint32_t i = 0; i < n; ++i) fill(*slots[i], element(first, stride, i), now);
        queue_->publish(slots.data(), n);
        accepted += n;
        if (n > 0) report_done(first, n, stride);
        if (n < wanted) return VOLLEY_AGAIN;
    }
    return VOLLEY_OK;
}

const void* MemoryProducer::extension(std::string_view id) {
    return id == VOLLEY_EXT_INSPECT ? inspect_producer() : nullptr;
}

}  // namespace volley::memory
