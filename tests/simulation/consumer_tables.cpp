// The C ABI around the consumer.
#include "consumer.hpp"

namespace simulation {

// ---- tables

namespace {

Consumer* self(volley_consumer* c) { return reinterpret_cast<Consumer*>(c); }

template <bool log>
std::int32_t create(const volley_host*, const volley_options*, volley_consumer** out, volley_error*) {
    *out = reinterpret_cast<volley_consumer*>(new Consumer(*current_process, log));
    return VOLLEY_OK;
}

const volley_ext_partitions partitions_table = [] {
    volley_ext_partitions t{};
    t.struct_size = sizeof t;
    t.listen = [](volley_consumer* c, const volley_partition_events* events) { self(c)->listen(events); };
    t.pause = [](volley_consumer* c, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
                 volley_error*) {
        self(c)->pause(p, count, stride, true);
        return std::int32_t{VOLLEY_OK};
    };
    t.resume = [](volley_consumer* c, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
                  volley_error*) {
        self(c)->pause(p, count, stride, false);
        return std::int32_t{VOLLEY_OK};
    };
    return t;
}();

const volley_ext_log log_table = [] {
    volley_ext_log t{};
    t.struct_size = sizeof t;
    t.commit = [](volley_consumer* c, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
                  std::int32_t wait, std::uint32_t,
                  volley_error* error) { return self(c)->commit(p, count, stride, wait != 0, error); };
    return t;
}();

const volley_ext_lease lease_table = [] {
    volley_ext_lease t{};
    t.struct_size = sizeof t;
    t.extend = [](volley_consumer* c, const std::uint64_t* handles, std::int32_t* results,
                  std::uint32_t count, std::uint32_t lease_ms,
                  volley_error* error) { return self(c)->extend(handles, results, count, lease_ms, error); };
    return t;
}();

const volley_ext_identity identity_table = [] {
    volley_ext_identity t{};
    t.struct_size = sizeof t;
    t.identity = [](volley_consumer* c, volley_view* out, volley_error*) {
        if (self(c)->breaks(Breach::identity_unknown_status)) return unknown_status;
        *out = view_of(self(c)->identity());
        return std::int32_t{VOLLEY_OK};
    };
    return t;
}();

template <bool log>
const void* extension(volley_consumer*, const char* id) {
    const std::string_view name = id;
    const Scenario& s = current_process->world.scenario;
    if (log && name == VOLLEY_EXT_PARTITIONS) return &partitions_table;
    if (log && name == VOLLEY_EXT_LOG) return &log_table;
    if (!log && name == VOLLEY_EXT_LEASE && s.lease_ms > 0) return &lease_table;
    if (name == VOLLEY_EXT_IDENTITY && s.identity) return &identity_table;
    return nullptr;
}

template <bool log, bool interrupt>
const volley_consumer_class* functions() {
    static const volley_consumer_class table = [] {
        volley_consumer_class t{};
        t.struct_size = sizeof t;
        t.create = &create<log>;
        t.open = [](volley_consumer* c, volley_error* error) { return self(c)->open(error); };
        t.consume = [](volley_consumer* c, volley_batch* batch, std::uint32_t timeout_ms,
                       volley_error* error) { return self(c)->consume(*batch, timeout_ms, error); };
        t.settle = [](volley_consumer* c, volley_settlement* s, std::uint32_t count, std::uint32_t stride,
                      volley_error* error) { return self(c)->settle(s, count, stride, error); };
        if (log)
            t.poll = [](volley_consumer* c, std::uint32_t timeout_ms, volley_error*) {
                return self(c)->poll(timeout_ms);
            };
        if (interrupt) t.interrupt = [](volley_consumer* c) { self(c)->interrupt(); };
        t.close = [](volley_consumer* c, std::uint32_t, volley_error*) { return self(c)->close(); };
        t.destroy = [](volley_consumer* c) { delete self(c); };
        t.get_extension = &extension<log>;
        return t;
    }();
    return &table;
}

}  // namespace

const volley_consumer_class* log_consumer(bool interrupt) {
    return interrupt ? functions<true, true>() : functions<true, false>();
}
const volley_consumer_class* queue_consumer(bool interrupt) {
    return interrupt ? functions<false, true>() : functions<false, false>();
}

void ask_for_rebalance(Process& process, bool lost) {
    for (Consumer* consumer : process.consumers) consumer->ask_for_rebalance(lost);
}

// The store gives a message to somebody else, who is slow: later it comes to us again.
void expire_lease(Process& process) {
    if (process.deliveries.empty()) return;
    auto d = process.deliveries.begin();
    std::advance(d, static_cast<std::ptrdiff_t>(below(process.world.random, process.deliveries.size())));
    Message& m = process.world.messages[static_cast<std::size_t>(d->second.message)];
    if (d->second.lost || m.taken_by != d->first) return;
    d->second.lost = true;
    m.taken_by = 0;
    m.visible_at_ms =
        process.world.fibers.now_ms() + static_cast<std::int64_t>(below(process.world.random, 50));
    process.world.trace(m.number, "its lease runs out");
}

}  // namespace simulation
