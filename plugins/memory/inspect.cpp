#include "inspect.hpp"

#include "consumer.hpp"
#include "producer.hpp"

namespace volley::memory {

namespace {

std::uint64_t to_come(const MemoryConsumer& c) { return c.to_come(); }

std::uint64_t to_come(const MemoryProducer&) { return 0; }

template <typename T>
T& self(void* instance) {
    return *static_cast<T*>(instance);
}

template <typename T>
std::int32_t stats(void* instance, volley_stats* out, volley_error* error) {
    return detail::guard(error, [&] {
        const Depth depth = self<T>(instance).queue().depth();
        out->ready = static_cast<std::int64_t>(depth.ready + to_come(self<T>(instance)));
        out->in_flight = static_cast<std::int64_t>(depth.open);
        out->delayed = static_cast<std::int64_t>(depth.delayed);
        out->dead = -1;
        out->oldest_ms = depth.oldest_timestamp_ms != 0 ? unix_ms() - depth.oldest_timestamp_ms : -1;
    });
}

template <typename T>
void lend(T& instance, volley_batch& batch) {
    batch.count = 0;
    for (const auto& slot : instance.shown) {
        volley_message& message = element(batch.messages, batch.message_size, batch.count++);
        show(*slot, message);
        message.handle = 0;
    }
}

template <typename T>
std::int32_t peek(void* instance, volley_batch* batch, std::uint64_t skip, volley_error* error) {
    return detail::guard(error, [&] {
        T& i = self<T>(instance);
        i.shown = i.queue().copies(skip, batch->capacity);
        lend(i, *batch);
    });
}

template <typename T>
std::int32_t find(void* instance, volley_view id, volley_batch* batch, volley_error* error) {
    return detail::guard(error, [&] {
        T& i = self<T>(instance);
        i.shown.clear();
        if (auto found = batch->capacity > 0 ? i.queue().find(text_of(id)) : nullptr)
            i.shown.push_back(std::move(found));
        lend(i, *batch);
    });
}

std::int32_t check(void*, std::uint32_t, volley_error*) {
    return VOLLEY_OK;  // as long as the process lives
}

template <typename T>
std::int32_t purge(void* instance, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] { *removed = self<T>(instance).queue().purge(); });
}

template <typename T>
std::int32_t remove(void* instance, volley_view id, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] { *removed = self<T>(instance).queue().remove(text_of(id)); });
}

template <typename T>
constexpr volley_ext_inspect table{
    sizeof(volley_ext_inspect), 0, &stats<T>, &peek<T>, &check, &purge<T>, &find<T>, &remove<T>};

}  // namespace

const void* inspect_consumer() { return &table<MemoryConsumer>; }

const void* inspect_producer() { return &table<MemoryProducer>; }

}  // namespace volley::memory
