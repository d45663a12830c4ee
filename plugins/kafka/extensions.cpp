// The consumer's extensions as tables of the ABI: partitions, log, inspect and others.
#include "consumer.hpp"

namespace volley::kafka {

namespace {

KafkaConsumer& consumer(volley_consumer* instance) { return detail::self<KafkaConsumer>(instance); }
Browser& browser(void* instance) { return static_cast<KafkaConsumer*>(instance)->inspection().browser(); }

void listen(volley_consumer* instance, const volley_partition_events* events) {
    consumer(instance).listen(events);
}

std::int32_t pause(volley_consumer* i, const volley_partition* p, std::uint32_t n, std::uint32_t stride,
                   volley_error* e) {
    return detail::guard(e, [&] { consumer(i).pause(p, n, stride, true); });
}
std::int32_t resume(volley_consumer* i, const volley_partition* p, std::uint32_t n, std::uint32_t stride,
                    volley_error* e) {
    return detail::guard(e, [&] { consumer(i).pause(p, n, stride, false); });
}
std::int32_t commit(volley_consumer* i, const volley_partition* p, std::uint32_t n, std::uint32_t stride,
                    std::int32_t wait, std::uint32_t timeout_ms, volley_error* e) {
    return detail::guard(e, [&] { return consumer(i).commit(p, n, stride, wait != 0, timeout_ms); });
}
std::int32_t stats(void* i, volley_stats* out, volley_error* e) {
    return detail::guard(e, [&] { static_cast<KafkaConsumer*>(i)->stats(*out); });
}
std::int32_t peek(void* i, volley_batch* batch, std::uint64_t skip, volley_error* e) {
    return detail::guard(e, [&] { browser(i).peek(*batch, skip); });
}
std::int32_t find(void* i, volley_view id, volley_batch* batch, volley_error* e) {
    return detail::guard(e, [&] { browser(i).find(text_of(id), *batch); });
}
std::int32_t remove(void* i, volley_view id, std::uint64_t* removed, volley_error* e) {
    return detail::guard(e, [&] { *removed = browser(i).remove(text_of(id)); });
}
std::int32_t remove_all(void* i, const volley_view* ids, std::uint32_t count, std::uint32_t* removed,
                        volley_error* e) {
    return detail::guard(e, [&] { browser(i).remove_all(ids, count, removed); });
}
std::int32_t purge(void* i, std::uint64_t* removed, volley_error* e) {
    return detail::guard(e, [&] { *removed = browser(i).purge(); });
}
std::int32_t between(void* i, std::int64_t from_ms, std::int64_t to_ms, volley_error* e) {
    return detail::guard(e, [&] { browser(i).between(from_ms, to_ms); });
}
std::int32_t identity(volley_consumer* i, volley_view* out, volley_error* e) {
    return detail::guard(e, [&] { *out = view_of(consumer(i).inspection().identity()); });
}
std::int32_t check(void* i, std::uint32_t timeout_ms, volley_error* e) {
    return detail::guard(e, [&] { static_cast<KafkaConsumer*>(i)->inspection().check(timeout_ms); });
}

constexpr volley_ext_partitions partitions{sizeof(volley_ext_partitions), 0, &listen, &pause, &resume};
constexpr volley_ext_log log_table{sizeof(volley_ext_log), 0, &commit};
constexpr volley_ext_inspect inspect{
    sizeof(volley_ext_inspect), 0, &stats, &peek, &check, &purge, &find, &remove};
constexpr volley_ext_identity identity_table{sizeof(volley_ext_identity), 0, &identity};
constexpr volley_ext_removal removal{sizeof(volley_ext_removal), 0, &remove_all};
constexpr volley_ext_history history{sizeof(volley_ext_history), 0, &between};

std::int32_t lags(volley_consumer* i, volley_partition_lag* out, std::uint32_t capacity, std::uint32_t stride,
                  std::uint32_t* count, volley_error* e) {
    return detail::guard(e, [&] { *count = consumer(i).lags(out, capacity, stride); });
}

constexpr volley_ext_lag lag_table{sizeof(volley_ext_lag), 0, &lags};

}  // namespace

const volley_ext_partitions* partitions_functions() { return &partitions; }
const volley_ext_log* log_functions() { return &log_table; }
const volley_ext_inspect* inspect_functions() { return &inspect; }
const volley_ext_history* history_functions() { return &history; }
const volley_ext_identity* identity_functions() { return &identity_table; }

const volley_ext_removal* removal_functions() { return &removal; }
const volley_ext_lag* lag_functions() { return &lag_table; }

}  // namespace volley::kafka
