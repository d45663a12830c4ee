// The batch classes of the SDK, driven through the tables that the engine sees.
#include <catch2/catch.hpp>
#include <functional>
#include <stdexcept>

#include "fake_host.hpp"

using namespace volley;

namespace {

using Millis = std::chrono::milliseconds;

struct Topic : BatchConsumer, Leases, Partitioned, OffsetLog, Inspectable {
    explicit Topic(const Context&) { current = this; }
    void consume(Batch& batch, Millis) override { on_consume(batch); }
    void settle(Strided<volley_settlement> settlements) override { on_settle(settlements); }
    void extend(LeaseList leases, Millis lease) override {
        for (std::uint32_t i = 0; i < leases.size(); ++i) {
            if (leases.handle(i) == 2) leases.lost(i);
            if (leases.handle(i) == 3) leases.retry(i);
        }
        extended = lease;
    }
    void pause(Strided<const volley_partition> partitions) override { paused = partitions.size(); }
    void commit(Strided<const volley_partition> next, bool wait, Millis timeout) override {
        if (timeout.count() == 0) throw std::runtime_error("too late");
        for (const volley_partition& p : next) committed.push_back(p.offset);
        waited = wait;
    }
    std::int64_t count(std::string_view) override { return 5; }
    std::vector<QueueMessage> peek(std::string_view, std::uint64_t, std::uint32_t) override { return {}; }
    std::string identity() override { return "a cluster"; }
    using Partitioned::assigned;
    using Partitioned::revoked;

    static inline Topic* current = nullptr;
    std::function<void(Batch&)> on_consume = [](Batch&) {};
    std::function<void(Strided<volley_settlement>)> on_settle = [](Strided<volley_settlement>) {};
    Millis extended{0};
    std::size_t paused = 0;
    std::vector<std::int64_t> committed;
    bool waited = false;
};

struct Plain : BatchConsumer {
    explicit Plain(const Context&) {}
    void consume(Batch&, Millis) override {}
    void settle(Strided<volley_settlement>) override {}
    void interrupt() override {}
};

template <typename T>
const volley_consumer_class& functions() {
    return *static_cast<const volley_consumer_class*>(VOLLEY_CLASS(T).functions);
}

}  // namespace

TEST_CASE("what a batch consumer does not override is not offered", "[sdk]") {
    CHECK(functions<Topic>().interrupt == nullptr);
    CHECK(functions<Topic>().poll == nullptr);
    CHECK(functions<Plain>().interrupt != nullptr);
    Driven plain(VOLLEY_CLASS(Plain));
    for (const char* id :
         {VOLLEY_EXT_LEASE, VOLLEY_EXT_PARTITIONS, VOLLEY_EXT_LOG, VOLLEY_EXT_IDENTITY, VOLLEY_EXT_INSPECT})
        CHECK(plain.extension<void>(id) == nullptr);
    CHECK(*VOLLEY_CLASS(Plain).extensions == nullptr);
    std::vector<std::string> listed;
    for (const char* const* id = VOLLEY_CLASS(Topic).extensions; *id != nullptr; ++id)
        listed.emplace_back(*id);
    CHECK(listed == std::vector<std::string>{VOLLEY_EXT_LEASE, VOLLEY_EXT_PARTITIONS, VOLLEY_EXT_LOG,
                                             VOLLEY_EXT_IDENTITY, VOLLEY_EXT_INSPECT});
}

TEST_CASE("a batch that fails in the middle is delivered first", "[sdk]") {
    Driven topic(VOLLEY_CLASS(Topic));
    Topic::current->on_consume = [](Batch& batch) {
        batch.add().handle = 1;
        throw std::runtime_error("the connection is gone");
    };
    CHECK(topic.consume(4) == 1);
    CHECK(topic.status == VOLLEY_OK);
    CHECK(topic.consume(4) == 0);
    CHECK(topic.status == VOLLEY_E_RETRY);
    CHECK(topic.error.error.text == std::string("the connection is gone"));
    CHECK(topic.consume(4) == 1);
}

TEST_CASE("a batch is full at its capacity, and when its bodies reach the limit", "[sdk]") {
    std::vector<volley_message> room(4);
    volley_batch raw{};
    raw.message_size = sizeof(volley_message);
    raw.messages = room.data();
    raw.capacity = 4;
    raw.max_bytes = 5;
    Batch batch(raw);
    batch.add().body = view_of("1234");
    CHECK_FALSE(batch.is_full());
    batch.add().body = view_of("5");
    CHECK(batch.is_full());
    CHECK(batch.room() == 2);
    raw.max_bytes = 0;
    CHECK_FALSE(batch.is_full());
    batch.add();
    batch.add();
    CHECK(batch.is_full());
}

TEST_CASE("settlements that were made before an exception are not made again", "[sdk]") {
    Driven topic(VOLLEY_CLASS(Topic));
    std::vector<volley_settlement> both(2);
    const auto settle = [&] {
        for (volley_settlement& s : both) s.result = VOLLEY_E_RETRY;
        return functions<Topic>().settle(topic.instance, both.data(), 2, sizeof both[0], topic.error.get());
    };
    Topic::current->on_settle = [](Strided<volley_settlement> all) {
        all[0].result = VOLLEY_OK;
        throw std::runtime_error("the connection is gone");
    };
    logged.clear();
    CHECK(settle() == VOLLEY_OK);
    CHECK(both[0].result == VOLLEY_OK);
    CHECK(both[1].result == VOLLEY_E_RETRY);
    CHECK(logged == std::vector<std::string>{"the connection is gone"});
    Topic::current->on_settle = [](Strided<volley_settlement>) { throw std::runtime_error("gone"); };
    CHECK(settle() == VOLLEY_E_RETRY);
    Topic::current->on_settle = [](Strided<volley_settlement> all) {
        all[0].result = VOLLEY_OK;
        throw Error(ErrorCode::fenced, "another is here");
    };
    CHECK(settle() == VOLLEY_E_FENCED);
}

TEST_CASE("the bases of a batch consumer are its extensions", "[sdk]") {
    Driven topic(VOLLEY_CLASS(Topic));
    const auto* lease = topic.extension<volley_ext_lease>(VOLLEY_EXT_LEASE);
    REQUIRE(lease != nullptr);
    const std::uint64_t handles[] = {1, 2, 3};
    std::int32_t results[3] = {};
    CHECK(lease->extend(topic.instance, handles, results, 3, 700, nullptr) == VOLLEY_OK);
    CHECK(std::vector<std::int32_t>(results, results + 3) ==
          std::vector<std::int32_t>{VOLLEY_OK, VOLLEY_E_LOST, VOLLEY_E_RETRY});
    CHECK(Topic::current->extended == Millis(700));

    const auto* partitions = topic.extension<volley_ext_partitions>(VOLLEY_EXT_PARTITIONS);
    REQUIRE(partitions != nullptr);
    CHECK(partitions->resume == nullptr);
    std::vector<std::string> events;
    volley_partition_events listener{};
    listener.struct_size = sizeof listener;
    listener.context = &events;
    listener.assigned = [](void* to, const volley_partition*, std::uint32_t count, std::uint32_t) {
        static_cast<std::vector<std::string>*>(to)->push_back("assigned " + std::to_string(count));
    };
    listener.revoked = [](void* to, const volley_partition*, std::uint32_t, std::uint32_t,
                          std::int32_t lost) {
        static_cast<std::vector<std::string>*>(to)->push_back(lost != 0 ? "lost" : "revoked");
    };
    partitions->listen(topic.instance, &listener);
    volley_partition three{};
    three.partition = 3;
    three.offset = 42;
    Topic::current->assigned({three, three});
    Topic::current->revoked({three}, true);
    Topic::current->revoked({three}, false);
    CHECK(events == std::vector<std::string>{"assigned 2", "lost", "revoked"});
    CHECK(partitions->pause(topic.instance, &three, 1, sizeof three, nullptr) == VOLLEY_OK);
    CHECK(Topic::current->paused == 1);

    const auto* log = topic.extension<volley_ext_log>(VOLLEY_EXT_LOG);
    REQUIRE(log != nullptr);
    CHECK(log->commit(topic.instance, &three, 1, sizeof three, 1, 9, nullptr) == VOLLEY_OK);
    CHECK(Topic::current->committed == std::vector<std::int64_t>{42});
    CHECK(Topic::current->waited);
    CHECK(log->commit(topic.instance, &three, 1, sizeof three, 1, 0, nullptr) == VOLLEY_E_RETRY);

    volley_view name{};
    const auto* identity = topic.extension<volley_ext_identity>(VOLLEY_EXT_IDENTITY);
    REQUIRE(identity != nullptr);
    CHECK(identity->identity(topic.instance, &name, nullptr) == VOLLEY_OK);
    CHECK(text_of(name) == "a cluster");

    volley_stats stats{};
    CHECK(topic.extension<volley_ext_inspect>(VOLLEY_EXT_INSPECT)->stats(topic.instance, &stats, nullptr) ==
          VOLLEY_OK);
    CHECK(stats.ready == 5);
}

// ---- producers

namespace {

struct Pipe : BatchProducer {
    explicit Pipe(const Context&) {}
    void produce(Records& records) override {
        while (const volley_record* record = records.next()) {
            if (due.size() == 2) return;
            if (text_of(record->body) == "throws") throw std::runtime_error("the connection is gone");
            due.push_back(record->token);
            records.accept();
        }
    }
    bool flush(Millis) override {
        for (const std::uint64_t token : due) reports().done(token, 1, 2, "id");
        due.clear();
        return true;
    }
    void close(Millis) override {
        for (const std::uint64_t token : due) reports().failed(token, ErrorCode::unknown, "given up");
    }
    std::vector<std::uint64_t> due;
};

}  // namespace

TEST_CASE("a batch producer reports when it likes", "[sdk]") {
    const auto& pipes = *static_cast<const volley_producer_class*>(VOLLEY_CLASS(Pipe).functions);
    CHECK(pipes.poll == nullptr);
    REQUIRE(pipes.flush != nullptr);
    std::vector<std::string> reports;
    const auto take = [](void* to, const volley_report* r, std::uint32_t, std::uint32_t) {
        static_cast<std::vector<std::string>*>(to)->push_back(
            std::to_string(r->token) + " " + std::to_string(r->status) + " " + std::to_string(r->offset) +
            " " + std::string(text_of(r->id)) + std::string(text_of(r->text)));
    };
    const volley_options o = options();
    volley_producer* instance = nullptr;
    REQUIRE(pipes.create(host(), &o, take, &reports, &instance, nullptr) == VOLLEY_OK);
    volley_record records[3]{};
    for (std::uint64_t i = 0; i < 3; ++i) records[i].token = 10 + i;
    std::uint32_t accepted = 9;
    CHECK(pipes.produce(instance, records, 3, sizeof records[0], &accepted, nullptr) == VOLLEY_AGAIN);
    CHECK(accepted == 2);
    CHECK(reports.empty());
    CHECK(pipes.flush(instance, 0, nullptr) == VOLLEY_OK);
    CHECK(reports == std::vector<std::string>{"10 0 2 id", "11 0 2 id"});
    reports.clear();
    records[1].body = view_of("throws");
    CHECK(pipes.produce(instance, records, 3, sizeof records[0], &accepted, nullptr) == VOLLEY_E_RETRY);
    CHECK(accepted == 1);
    CHECK(pipes.close(instance, 0, nullptr) == VOLLEY_OK);
    CHECK(reports == std::vector<std::string>{"10 -8 -1 given up"});
    pipes.destroy(instance);
}
