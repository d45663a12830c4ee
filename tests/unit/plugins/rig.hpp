// A connector under test, called as the engine calls it: found by the catalog, driven through its C tables.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "plugins/catalog.hpp"
#include "plugins/instance.hpp"
#include "volley/abi.hpp"

namespace volley::test {

// What one consume call brought, as values, and with the handles to settle.
struct Received {
    std::uint64_t handle;
    std::optional<std::string> body;
    std::optional<std::string> key;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string id;
    std::uint32_t delivery_count;
    std::uint32_t lease_ms;
};

inline std::optional<std::string> owned(const volley_view& view) {
    if (is_absent(view)) return std::nullopt;
    return std::string(text_of(view));
}

// The room that the engine lends to consume and peek.
struct Room {
    explicit Room(std::uint32_t capacity, std::uint64_t max_bytes = 0) : messages(capacity) {
        for (volley_message& m : messages) m.partition = -1, m.offset = -1;
        batch.struct_size = sizeof batch;
        batch.message_size = sizeof(volley_message);
        batch.messages = messages.data();
        batch.capacity = capacity;
        batch.max_bytes = max_bytes;
    }
    std::vector<Received> received() const {
        std::vector<Received> out;
        for (std::uint32_t i = 0; i < batch.count; ++i) {
            const volley_message& m = messages[i];
            Received r{m.handle,         owned(m.body), owned(m.key), {}, std::string(text_of(m.id)),
                       m.delivery_count, m.lease_ms};
            for (std::uint32_t h = 0; h < m.header_count; ++h)
                r.headers.emplace_back(text_of(m.headers[h].name), text_of(m.headers[h].value));
            out.push_back(std::move(r));
        }
        return out;
    }
    std::vector<volley_message> messages;
    volley_batch batch{};
};

// Records, with their texts, for one produce call.
struct Outgoing {
    volley_record& add(std::string_view body) {
        volley_record r{};
        r.token = records.size() + 1;
        r.body = view_of(texts.emplace_back(body));
        r.partition = -1;
        return records.emplace_back(r);
    }
    volley_view keep(std::string_view text) { return view_of(texts.emplace_back(text)); }
    std::deque<std::string> texts;
    std::vector<volley_record> records;
};

struct Reports {
    static void take(void* context, const volley_report* reports, std::uint32_t count, std::uint32_t stride) {
        for (std::uint32_t i = 0; i < count; ++i)
            static_cast<Reports*>(context)->all.push_back(element(reports, stride, i));
    }
    std::vector<volley_report> all;
};

// Consumers and producers of one plugin file, opened.
class Rig {
public:
    explicit Rig(std::string file, std::string base_dir = "/")
        : catalog_({VOLLEY_TEST_PLUGINS}), file_(std::move(file)), base_dir_(std::move(base_dir)) {}

    plugins::PluginClass find(plugins::Kind kind) {
        auto found = catalog_.find(kind, file_, base_dir_);
        if (!found) FAIL(found.error().text);
        return *found;
    }
    Result<plugins::Consumer> create_consumer(const std::string& value, const std::string& config = "{}") {
        return plugins::Consumer::create(find(plugins::Kind::consumer), {.queue = "in", .component = "test"},
                                         config, value, base_dir_);
    }
    Result<plugins::Producer> create_producer(const std::string& value, const std::string& config = "{}") {
        return plugins::Producer::create(find(plugins::Kind::producer), {.queue = "out", .component = "test"},
                                         config, value, base_dir_, &Reports::take, &reports);
    }
    plugins::Consumer consumer(const std::string& value, const std::string& config = "{}") {
        auto made = create_consumer(value, config);
        if (!made) FAIL(made.error().text);
        if (auto opened = made->open(); !opened) FAIL(opened.error().text);
        return std::move(*made);
    }
    plugins::Producer producer(const std::string& value, const std::string& config = "{}") {
        auto made = create_producer(value, config);
        if (!made) FAIL(made.error().text);
        if (auto opened = made->open(); !opened) FAIL(opened.error().text);
        return std::move(*made);
    }

    Reports reports;

private:
    plugins::Catalog catalog_;
    std::string file_, base_dir_;
};

inline std::vector<Received> take(plugins::Consumer& consumer, std::uint32_t count,
                                  std::uint32_t timeout_ms = 0) {
    Room room(count);
    auto result = consumer.consume(room.batch, timeout_ms);
    if (!result) FAIL(result.error().text);
    return room.received();
}

// Takes until `count` messages came or 10 seconds have passed.
inline std::vector<Received> take_all(plugins::Consumer& consumer, std::size_t count) {
    std::vector<Received> out;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (out.size() < count && std::chrono::steady_clock::now() < deadline)
        for (Received& r : take(consumer, static_cast<std::uint32_t>(count - out.size()), 200))
            out.push_back(std::move(r));
    return out;
}

inline std::vector<std::string> bodies(const std::vector<Received>& messages) {
    std::vector<std::string> out;
    for (const Received& m : messages) out.push_back(m.body.value_or("<absent>"));
    return out;
}

// Settles all alike; returns the results.
inline std::vector<std::int32_t> settle(plugins::Consumer& consumer, const std::vector<Received>& messages,
                                        std::int32_t outcome, std::uint64_t delay_ms = 0) {
    std::vector<volley_settlement> all;
    for (const Received& m : messages) {
        volley_settlement s{};
        s.handle = m.handle;
        s.outcome = outcome;
        s.delay_ms = delay_ms;
        all.push_back(s);
    }
    if (auto done = consumer.settle(all.data(), static_cast<std::uint32_t>(all.size())); !done)
        FAIL(done.error().text);
    std::vector<std::int32_t> results;
    for (const volley_settlement& s : all) results.push_back(s.result);
    return results;
}

inline std::vector<volley_settlement> acks_of(const std::vector<Received>& messages) {
    std::vector<volley_settlement> acks;
    for (const Received& m : messages) {
        volley_settlement s{};
        s.handle = m.handle;
        acks.push_back(s);
    }
    return acks;
}

// Outputs and acks, with the results in `acks`. Views of both: neither may change while it is under way.
inline volley_transaction transaction_of(const Outgoing& out, std::vector<volley_settlement>& acks) {
    volley_transaction t{};
    t.struct_size = sizeof t;
    t.record_size = sizeof(volley_record);
    t.records = out.records.data();
    t.record_count = static_cast<std::uint32_t>(out.records.size());
    t.settlements = acks.data();
    t.settlement_count = static_cast<std::uint32_t>(acks.size());
    t.settlement_size = sizeof(volley_settlement);
    return t;
}

// volley.atomic/1 of a producer, which must outlive it.
struct AtomicCommit {
    explicit AtomicCommit(plugins::Producer& p) : producer(p) {
        table = static_cast<const volley_ext_atomic*>(p.extension(VOLLEY_EXT_ATOMIC));
        REQUIRE(table != nullptr);
    }
    bool joins(plugins::Consumer& consumer) const {
        return table->joins(producer.get(), consumer.get()) == 1;
    }
    std::int32_t operator()(plugins::Consumer& consumer, const Outgoing& out,
                            std::vector<volley_settlement>& acks) const {
        volley_transaction t = transaction_of(out, acks);
        return table->commit(producer.get(), consumer.get(), &t, nullptr);
    }
    void post(plugins::Consumer& consumer, const Outgoing& out, std::vector<volley_settlement>& acks) const {
        volley_transaction t = transaction_of(out, acks);
        table->post(producer.get(), consumer.get(), &t);
    }
    std::int32_t outcome(plugins::Consumer& consumer, const Outgoing& out,
                         std::vector<volley_settlement>& acks, std::uint32_t timeout_ms = 10'000) const {
        volley_transaction t = transaction_of(out, acks);
        return table->outcome(producer.get(), consumer.get(), &t, timeout_ms, nullptr);
    }
    plugins::Producer& producer;
    const volley_ext_atomic* table;
};

// Returns how many were accepted.
inline std::uint32_t send(plugins::Producer& producer, const Outgoing& out) {
    std::uint32_t accepted = 0;
    auto result =
        producer.produce(out.records.data(), static_cast<std::uint32_t>(out.records.size()), accepted);
    if (!result) FAIL(result.error().text);
    return accepted;
}

inline void send(plugins::Producer& producer, std::initializer_list<std::string_view> texts) {
    Outgoing out;
    for (std::string_view text : texts) out.add(text);
    REQUIRE(send(producer, out) == texts.size());
}

}  // namespace volley::test
