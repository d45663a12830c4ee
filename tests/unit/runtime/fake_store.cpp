#include "fake_store.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "volley/view.hpp"

namespace fake {

using namespace volley;

std::vector<std::string> Store::take_calls() { return std::exchange(calls, {}); }

namespace {

Store* created_for = nullptr;  // the store that create() uses

Store& self(volley_consumer* consumer) { return *reinterpret_cast<Store*>(consumer); }

std::int32_t answer(volley_error* error, std::int32_t status) {
    return status < 0 ? volley_fail(error, status, "as the test says") : status;
}

std::string name_of(const volley_partition& p) {
    return std::string(text_of(p.source)) + "/" + std::to_string(p.partition);
}

bool is_blank(const volley_message& m) {
    return m.handle == 0 && is_absent(m.body) && is_absent(m.key) && is_absent(m.source) &&
           m.partition == -1 && m.offset == -1 && m.epoch == 0 && m.lease_ms == 0 && m.header_count == 0;
}

std::int32_t consume(volley_consumer* c, volley_batch* batch, std::uint32_t timeout_ms, volley_error* error) {
    Store& store = self(c);
    store.calls.push_back("consume " + std::to_string(timeout_ms) + " ms");
    store.batch_was_blank = std::all_of(batch->messages, batch->messages + batch->capacity, is_blank);
    if (store.consume < 0) {
        // Nothing that a failed call filled in may be used.
        batch->messages[0].handle = 1;
        error->retry_after_ms = store.retry_after_ms;
        return answer(error, store.consume);
    }
    for (const volley_message& m : store.messages)
        if (batch->count < batch->capacity) batch->messages[batch->count++] = m;
    store.messages.clear();
    return store.consume;
}

std::string text_of(const volley_settlement& s) {
    std::string text = std::to_string(s.handle);
    text += s.outcome == VOLLEY_ACK ? " ack" : s.outcome == VOLLEY_NACK ? " nack" : " release";
    if (s.delay_ms > 0) text += " in " + std::to_string(s.delay_ms) + " ms";
    if (!is_absent(s.text)) text += ": " + std::string(volley::text_of(s.text));
    return text;
}

std::int32_t settle(volley_consumer* c, volley_settlement* settlements, std::uint32_t count,
                    std::uint32_t stride, volley_error* error) {
    Store& store = self(c);
    std::string call = "settle";
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        call += (i == 0 ? " " : ", ") + text_of(s);
        const std::int32_t result = i < store.results.size() ? store.results[i] : std::int32_t{VOLLEY_OK};
        if (store.settle == VOLLEY_OK && result != unset) s.result = result;
    }
    store.calls.push_back(call);
    return answer(error, store.settle);
}

std::int32_t change(volley_consumer* c, const char* what, const volley_partition* partitions,
                    std::uint32_t count, std::uint32_t stride, volley_error* error) {
    std::string call = what;
    for (std::uint32_t i = 0; i < count; ++i) call += " " + name_of(element(partitions, stride, i));
    self(c).calls.push_back(call);
    return answer(error, self(c).pause);
}

const volley_ext_partitions partitions_table{
    sizeof(volley_ext_partitions), 0, [](volley_consumer*, const volley_partition_events*) {},
    [](volley_consumer* c, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
       volley_error* error) { return change(c, "pause", p, count, stride, error); },
    [](volley_consumer* c, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
       volley_error* error) { return change(c, "resume", p, count, stride, error); }};

const volley_ext_log log_table{
    sizeof(volley_ext_log), 0,
    [](volley_consumer* c, const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
       std::int32_t wait, std::uint32_t, volley_error* error) {
        std::string call = "commit";
        for (std::uint32_t i = 0; i < count; ++i) {
            const volley_partition& p = element(partitions, stride, i);
            call +=
                " " + name_of(p) + " epoch " + std::to_string(p.epoch) + " at " + std::to_string(p.offset);
        }
        self(c).calls.push_back(call + (wait != 0 ? ", wait" : ""));
        return answer(error, self(c).commit);
    }};

const volley_ext_lease lease_table{sizeof(volley_ext_lease), 0,
                                   [](volley_consumer* c, const std::uint64_t* handles, std::int32_t* results,
                                      std::uint32_t count, std::uint32_t, volley_error* error) {
                                       Store& store = self(c);
                                       std::string call = "extend";
                                       for (std::uint32_t i = 0; i < count; ++i) {
                                           call += " " + std::to_string(handles[i]);
                                           if (i < store.leases_left.size())
                                               results[i] = store.leases_left[i];
                                       }
                                       store.calls.push_back(call);
                                       return answer(error, store.extend);
                                   }};

const volley_ext_inspect inspect_table = [] {
    volley_ext_inspect table{};
    table.struct_size = sizeof table;
    table.stats = [](void* instance, volley_stats* stats, volley_error*) -> std::int32_t {
        Store& store = *static_cast<Store*>(instance);
        store.calls.emplace_back("stats");
        if (store.stats != VOLLEY_OK) return store.stats;
        stats->ready = store.ready;
        stats->delayed = store.delayed;
        return VOLLEY_OK;
    };
    return table;
}();

const volley_ext_lag lag_table{sizeof(volley_ext_lag), 0,
                               [](volley_consumer* c, volley_partition_lag* out, std::uint32_t capacity,
                                  std::uint32_t stride, std::uint32_t* count, volley_error*) -> std::int32_t {
                                   const auto& lags = self(c).lags;
                                   *count = static_cast<std::uint32_t>(lags.size());
                                   for (std::uint32_t i = 0; i < std::min(*count, capacity); ++i)
                                       element(out, stride, i) = lags[i];
                                   return VOLLEY_OK;
                               }};

// ---- transactions

std::int32_t transact(const char* what, volley_consumer* c, volley_transaction* transaction,
                      volley_error* error) {
    Store& store = self(c);
    std::int32_t status = VOLLEY_OK;
    if (!store.transactions.empty()) {
        status = store.transactions.front();
        store.transactions.pop_front();
    }
    std::string call = what;
    for (std::uint32_t i = 0; i < transaction->settlement_count; ++i) {
        volley_settlement& s = element(transaction->settlements, transaction->settlement_size, i);
        call += " " + std::to_string(s.handle);
        if (status == VOLLEY_E_LOST && store.lost.count(s.handle) > 0) s.result = VOLLEY_E_LOST;
    }
    store.calls.push_back(call);
    return answer(error, status);
}

volley_ext_atomic atomic(bool posts) {
    volley_ext_atomic table{};
    table.struct_size = sizeof table;
    table.joins = [](volley_producer*, volley_consumer*) -> std::int32_t { return 1; };
    table.commit = [](volley_producer*, volley_consumer* c, volley_transaction* t, volley_error* error) {
        return transact("transaction", c, t, error);
    };
    if (!posts) return table;
    table.post = [](volley_producer*, volley_consumer* c, volley_transaction* t) {
        std::string call = "post";
        for (std::uint32_t i = 0; i < t->settlement_count; ++i)
            call += " " + std::to_string(element(t->settlements, t->settlement_size, i).handle);
        self(c).calls.push_back(call);
    };
    table.outcome = [](volley_producer*, volley_consumer* c, volley_transaction* t, std::uint32_t,
                       volley_error* error) { return transact("outcome", c, t, error); };
    return table;
}

const void* producer_extension(volley_producer* producer, const char* name) {
    static const volley_ext_atomic commits = atomic(false), posts = atomic(true);
    const Store& store = *reinterpret_cast<Store*>(producer);
    if (std::string_view(name) != VOLLEY_EXT_ATOMIC || !store.atomic) return nullptr;
    return store.posts ? &posts : &commits;
}

const volley_class* producer_description() {
    static const volley_producer_class functions = [] {
        volley_producer_class f{};
        f.struct_size = sizeof f;
        f.create = [](const volley_host*, const volley_options*, volley_report_fn, void*,
                      volley_producer** out, volley_error*) -> std::int32_t {
            *out = reinterpret_cast<volley_producer*>(created_for);
            return VOLLEY_OK;
        };
        f.destroy = [](volley_producer*) {};
        f.get_extension = producer_extension;
        return f;
    }();
    static const volley_class c = [] {
        volley_class made{};
        made.struct_size = sizeof made;
        made.kind = VOLLEY_KIND_PRODUCER;
        made.name = "StoreOutput";
        made.functions = &functions;
        return made;
    }();
    return &c;
}

// ---- the consumer

const void* extension(volley_consumer* c, const char* name) {
    const std::string_view id = name;
    if (id == VOLLEY_EXT_PARTITIONS && self(c).partitions) return &partitions_table;
    if (id == VOLLEY_EXT_LOG && self(c).log) return &log_table;
    if (id == VOLLEY_EXT_LEASE && self(c).leases) return &lease_table;
    if (id == VOLLEY_EXT_INSPECT && self(c).inspect) return &inspect_table;
    if (id == VOLLEY_EXT_LAG && !self(c).lags.empty()) return &lag_table;
    return nullptr;
}

volley_consumer_class functions(Offers offers) {
    volley_consumer_class f{};
    f.struct_size = sizeof f;
    f.create = [](const volley_host*, const volley_options*, volley_consumer** out,
                  volley_error*) -> std::int32_t {
        *out = reinterpret_cast<volley_consumer*>(created_for);
        return VOLLEY_OK;
    };
    f.open = [](volley_consumer*, volley_error*) -> std::int32_t { return VOLLEY_OK; };
    f.consume = consume;
    f.settle = settle;
    f.poll = [](volley_consumer* c, std::uint32_t timeout_ms, volley_error*) -> std::int32_t {
        self(c).calls.push_back("poll " + std::to_string(timeout_ms) + " ms");
        return VOLLEY_OK;
    };
    f.interrupt = [](volley_consumer* c) { self(c).calls.emplace_back("interrupt"); };
    f.close = [](volley_consumer* c, std::uint32_t, volley_error*) -> std::int32_t {
        self(c).calls.emplace_back("close");
        return VOLLEY_OK;
    };
    f.destroy = [](volley_consumer*) {};
    f.get_extension = extension;
    if (offers == Offers::no_interrupt) f.interrupt = nullptr;
    if (offers == Offers::no_poll) f.poll = nullptr;
    return f;
}

// Returns the description of one of the plugin's classes. It lives as long as the process, as the ABI
// requires.
const volley_class* description(Offers offers) {
    static const volley_consumer_class tables[] = {
        functions(Offers::everything), functions(Offers::no_interrupt), functions(Offers::no_poll)};
    static volley_class classes[3];
    volley_class& c = classes[static_cast<int>(offers)];
    c.struct_size = sizeof c;
    c.kind = VOLLEY_KIND_CONSUMER;
    c.name = "Store";
    c.functions = &tables[static_cast<int>(offers)];
    return &c;
}

const volley_plugin plugin = [] {
    volley_plugin p{};
    p.struct_size = sizeof p;
    p.name = "fake";
    p.version = "1.0.0";
    return p;
}();

}  // namespace

plugins::Producer made_producer(Store& store) {
    created_for = &store;
    auto made = plugins::Producer::create({producer_description(), &plugin, "fake.so"}, {}, "{}", "out", "/",
                                          nullptr, nullptr);
    if (!made) throw std::runtime_error(made.error().text);
    return std::move(*made);
}

runtime::Input made_input(Store& store, Offers offers) {
    created_for = &store;
    auto made = plugins::Consumer::create({description(offers), &plugin, "fake.so"}, {}, "{}", "in", "/");
    if (!made) throw std::runtime_error(made.error().text);
    return runtime::Input(std::move(*made));
}

runtime::Input open_input(Store& store, Offers offers) {
    static constexpr volley_partition_events events{};
    runtime::Input input = made_input(store, offers);
    input.attach(events);
    if (auto opened = input.open(); !opened) throw std::runtime_error(opened.error().text);
    return input;
}

}  // namespace fake
