// memory.so, as the engine sees it.
#include <future>
#include <thread>

#include "plugins/metrics.hpp"
#include "rig.hpp"

using namespace volley;
using namespace volley::test;
using Bodies = std::vector<std::string>;
using Results = std::vector<std::int32_t>;

TEST_CASE("messages leave a memory queue in the order in which they came", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("order");
    auto consumer = rig.consumer("order");
    send(producer, {"a", "b", "c"});

    CHECK(bodies(take(consumer, 2)) == Bodies{"a", "b"});
    CHECK(bodies(take(consumer, 2)) == Bodies{"c"});
    CHECK(take(consumer, 2).empty());
}

TEST_CASE("each accepted record is reported once, with its token", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("reports");
    send(producer, {"a", "b"});

    REQUIRE(rig.reports.all.size() == 2);
    CHECK(rig.reports.all[0].token == 1);
    CHECK(rig.reports.all[1].token == 2);
    CHECK(rig.reports.all[1].status == VOLLEY_OK);
}

TEST_CASE("a memory queue has an identity of its own, the same for all who read it", "[memory]") {
    Rig rig("memory.so");
    const auto identity = [](plugins::Consumer consumer) {
        const auto* named = static_cast<const volley_ext_identity*>(consumer.extension(VOLLEY_EXT_IDENTITY));
        REQUIRE(named != nullptr);
        volley_view text{};
        REQUIRE(named->identity(consumer.get(), &text, nullptr) == VOLLEY_OK);
        return std::string(text_of(text));
    };
    CHECK(identity(rig.consumer("one")) == identity(rig.consumer("one")));
    CHECK(identity(rig.consumer("one")) != identity(rig.consumer("two")));
    CHECK(identity(rig.consumer("one", R"({"generate": 1})")) !=
          identity(rig.consumer("one", R"({"generate": 1})")));
}

TEST_CASE("key, headers, empty bodies and tombstones survive the memory queue", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("values");
    auto consumer = rig.consumer("values");
    Outgoing out;
    volley_record& full = out.add(std::string_view("\0\xff", 2));
    const volley_header headers[] = {{out.keep("h"), out.keep("1")}, {out.keep("h"), out.keep("")}};
    full.key = out.keep("k");
    full.headers = headers;
    full.header_count = 2;
    out.add("");
    out.add("x").body = volley_view{};
    REQUIRE(send(producer, out) == 3);

    const auto got = take(consumer, 3);
    REQUIRE(got.size() == 3);
    CHECK(got[0].body == std::string("\0\xff", 2));
    CHECK(got[0].key == "k");
    CHECK(got[0].headers == std::vector<std::pair<std::string, std::string>>{{"h", "1"}, {"h", ""}});
    CHECK(got[1].body == "");
    CHECK_FALSE(got[1].key.has_value());
    CHECK_FALSE(got[2].body.has_value());
}

TEST_CASE("a message that comes back from a consumer takes its old place", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("return");
    auto consumer = rig.consumer("return");
    send(producer, {"a", "b", "c"});
    const auto first = take(consumer, 2);

    CHECK(settle(consumer, {first[1]}, VOLLEY_NACK) == Results{VOLLEY_OK});
    CHECK(settle(consumer, {first[0]}, VOLLEY_RELEASE) == Results{VOLLEY_OK});
    const auto again = take(consumer, 3);
    CHECK(bodies(again) == Bodies{"a", "b", "c"});
    CHECK(again[0].delivery_count == 1);  // released: not attempted
    CHECK(again[1].delivery_count == 2);
}

TEST_CASE("an acknowledged message does not come back and a second settlement is lost", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("ack");
    auto consumer = rig.consumer("ack");
    send(producer, {"a"});
    const auto got = take(consumer, 1);

    CHECK(settle(consumer, {got[0], got[0]}, VOLLEY_ACK) == Results{VOLLEY_OK, VOLLEY_E_LOST});
    send(producer, {"b"});
    const auto next = take(consumer, 1);
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_E_LOST});  // the slot has a new message
    CHECK(settle(consumer, next, VOLLEY_ACK) == Results{VOLLEY_OK});
}

TEST_CASE("a delayed message is not visible before its time, and is afterwards", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("delay");
    auto consumer = rig.consumer("delay");
    Outgoing out;
    out.add("far").delay_ms = 3'600'000;
    out.add("near").delay_ms = 30;
    REQUIRE(send(producer, out) == 2);
    const auto start = std::chrono::steady_clock::now();

    const auto near = take_all(consumer, 1);
    CHECK(bodies(near) == Bodies{"near"});
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(30));

    settle(consumer, near, VOLLEY_NACK, 20);
    CHECK(bodies(take_all(consumer, 1)) == Bodies{"near"});
}

TEST_CASE("a consumer that goes away gives its messages back", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("gone");
    auto other = rig.consumer("gone");
    send(producer, {"a"});
    {
        auto consumer = rig.consumer("gone");
        REQUIRE(take(consumer, 1).size() == 1);
        CHECK(take(other, 1).empty());
    }
    CHECK(bodies(take(other, 1)) == Bodies{"a"});
}

TEST_CASE("a full memory queue takes what fits and has room again after an acknowledgement", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("full", R"({"capacity": 2})");
    auto consumer = rig.consumer("full");
    Outgoing out;
    for (const char* body : {"a", "b", "c"}) out.add(body);

    CHECK(send(producer, out) == 2);
    CHECK(rig.reports.all.size() == 2);
    settle(consumer, take(consumer, 1), VOLLEY_ACK);
    out.records.erase(out.records.begin(), out.records.begin() + 2);
    CHECK(send(producer, out) == 1);
}

TEST_CASE("views stay as they are until their message is settled, whatever else passes", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("views");
    auto consumer = rig.consumer("views");
    send(producer, {"the first one"});
    Room room(1);
    REQUIRE(consumer.consume(room.batch, 0));
    for (int i = 0; i < 5000; ++i) {
        send(producer, {"another body"});
        settle(consumer, take(consumer, 1), VOLLEY_ACK);
    }
    CHECK(text_of(room.messages[0].body) == "the first one");
}

TEST_CASE("an interrupt ends a consume that waits", "[memory]") {
    Rig rig("memory.so");
    auto consumer = rig.consumer("interrupt");
    auto waiting = std::async(std::launch::async, [&] { return take(consumer, 1, 60'000).size(); });
    consumer.interrupt();
    REQUIRE(waiting.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    CHECK(waiting.get() == 0);
}

TEST_CASE("a message wakes a consumer that waits", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("wake");
    auto consumer = rig.consumer("wake");
    auto waiting = std::async(std::launch::async, [&] { return take(consumer, 1, 60'000).size(); });
    send(producer, {"a"});
    REQUIRE(waiting.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    CHECK(waiting.get() == 1);
}

TEST_CASE("a generating consumer makes exactly its number of messages, then ends", "[memory]") {
    Rig rig("memory.so");
    auto consumer = rig.consumer("generate", R"({"generate": 1000, "body_bytes": 40})");
    std::vector<std::string> seen;
    Room room(300);
    std::int32_t status = VOLLEY_OK;
    bool put_back = false;
    while (status != VOLLEY_END) {
        status = *consumer.consume(room.batch, 0);
        auto got = room.received();
        if (!got.empty() && !put_back) {  // a failed one is redelivered before the end
            settle(consumer, {got.back()}, VOLLEY_NACK, 5);
            got.pop_back();
            put_back = true;
        }
        for (const Received& m : got) seen.push_back(*m.body);
        settle(consumer, got, VOLLEY_ACK);
    }
    CHECK(seen.size() == 1000);
    std::sort(seen.begin(), seen.end());
    CHECK(std::unique(seen.begin(), seen.end()) == seen.end());
    CHECK(seen.front() == R"({"id":"000000000001","pad":"xxxxxxxxxx"})");
}

TEST_CASE("a batch ends with the message that reaches its limit in bytes", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("bytes");
    auto consumer = rig.consumer("bytes");
    send(producer, {"12345", "12345", "12345"});
    Room room(3, 6);
    REQUIRE(consumer.consume(room.batch, 0));
    CHECK(room.batch.count == 2);

    auto generating = rig.consumer("bytes2", R"({"generate": 100, "body_bytes": 10})");
    Room small(100, 25);
    REQUIRE(generating.consume(small.batch, 0));
    CHECK(small.batch.count == 3);
}

TEST_CASE("a discarding producer reports every record, counts it, and keeps none", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("discard", R"({"discard": true})");
    auto consumer = rig.consumer("discard");
    send(producer, {"a", "b"});
    CHECK(rig.reports.all.size() == 2);
    CHECK(take(consumer, 1).empty());
    bool counted = false;
    for (const auto& sample : plugins::plugin_metrics())
        counted |= sample.name == "volley_plugin_memory_discarded_total" && sample.value == 2;
    CHECK(counted);
}

TEST_CASE("what waits in a memory queue can be looked at, found, removed and purged", "[memory]") {
    Rig rig("memory.so");
    auto producer = rig.producer("inspect");
    auto consumer = rig.consumer("inspect");
    Outgoing out;
    for (const char* body : {"a", "b", "c"}) out.add(body);
    out.records[2].delay_ms = 3'600'000;
    send(producer, out);
    const auto* inspect = static_cast<const volley_ext_inspect*>(consumer.extension(VOLLEY_EXT_INSPECT));
    REQUIRE(inspect != nullptr);

    volley_stats stats{};
    stats.struct_size = sizeof stats;
    CHECK(inspect->stats(consumer.get(), &stats, nullptr) == VOLLEY_OK);
    CHECK(stats.ready == 2);
    CHECK(stats.delayed == 1);

    Room room(10);
    CHECK(inspect->peek(consumer.get(), &room.batch, 1, nullptr) == VOLLEY_OK);
    const auto seen = room.received();
    CHECK(bodies(seen) == Bodies{"b", "c"});

    CHECK(inspect->find(consumer.get(), view_of(seen[1].id), &room.batch, nullptr) == VOLLEY_OK);
    CHECK(bodies(room.received()) == Bodies{"c"});
    std::uint64_t removed = 0;
    CHECK(inspect->remove(consumer.get(), view_of(seen[0].id), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 1);
    CHECK(inspect->remove(consumer.get(), view_of(seen[0].id), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 0);
    CHECK(bodies(take(consumer, 10)) == Bodies{"a"});
    CHECK(inspect->purge(consumer.get(), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 1);
}

TEST_CASE("a wrong value in the configuration is refused with its key", "[memory]") {
    Rig rig("memory.so");
    auto refused = rig.create_consumer("x", R"({"generate": "many"})");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::config);
    CHECK(refused.error().field == "/generate");
}

TEST_CASE("producers and consumers on several threads lose and double nothing", "[memory]") {
    Rig rig("memory.so");
    constexpr int producers = 2, each = 20'000;
    auto producer = rig.producer("threads", R"({"discard": false, "capacity": 5000})");
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<Rig>> rigs;
    for (int p = 0; p < producers; ++p) rigs.push_back(std::make_unique<Rig>("memory.so"));
    for (int p = 0; p < producers; ++p) {
        threads.emplace_back([&, p, own = rigs[static_cast<std::size_t>(p)]->producer("threads")]() mutable {
            for (int i = 0; i < each;) {
                Outgoing out;
                for (int n = 0; n < 100 && i + n < each; ++n) out.add(std::to_string(p * each + i + n));
                std::uint32_t accepted = 0;
                if (!own.produce(out.records.data(), static_cast<std::uint32_t>(out.records.size()),
                                 accepted))
                    return;
                i += static_cast<int>(accepted);
                if (accepted == 0) std::this_thread::yield();
            }
        });
    }
    std::vector<bool> seen(producers * each);
    std::size_t count = 0;
    auto consumer = rig.consumer("threads");
    while (count < seen.size()) {
        const auto got = take(consumer, 128, 10'000);
        if (got.empty()) break;
        for (const Received& m : got) {
            const auto n = static_cast<std::size_t>(std::stoul(*m.body));
            if (!seen[n]) ++count;
            seen[n] = true;
        }
        settle(consumer, got, VOLLEY_ACK);
    }
    for (std::thread& t : threads) t.join();
    CHECK(count == seen.size());
    CHECK(take(consumer, 1).empty());
}
