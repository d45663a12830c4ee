// What the SDK's connectors can do beside the four methods: open, ids, reasons, rejects, inspection, flags.
#include <catch2/catch.hpp>
#include <map>
#include <stdexcept>

#include "fake_host.hpp"

using namespace volley;

namespace {

struct Settled {
    std::string method;
    std::string context;
    Failure failure;
    std::string text;
};

// Puts to the test what a connector overrides.
struct Inbox : Consumer, Inspectable {
    static constexpr bool can_delay = true;
    static constexpr bool ordered = true;
    static constexpr bool bounded = true;
    static constexpr bool can_key = false;
    static constexpr std::uint64_t flags = VOLLEY_CAN_HEADERS;
    static constexpr std::uint32_t max_open = 8;
    static constexpr const char* summary = "an inbox";

    explicit Inbox(const Context&) { current = this; }
    void open() override {
        if (++opened < 3) throw std::runtime_error("no connection yet");
    }
    std::optional<QueueMessage> consume(std::string_view) override {
        if (given == waiting.size()) return std::nullopt;
        return waiting[given++];
    }
    bool is_at_end() override { return at_end; }
    bool delete_message(std::string_view, std::string_view context) override {
        return note("delete", context, {});
    }
    bool on_fail(std::string_view, std::string_view context, const Failure& failure) override {
        return note("fail", context, failure);
    }
    bool reject(std::string_view, std::string_view context, const Failure& failure) override {
        return note("reject", context, failure);
    }
    std::int64_t count(std::string_view queue) override {
        CHECK(queue == "table");
        return static_cast<std::int64_t>(waiting.size());
    }
    std::vector<QueueMessage> peek(std::string_view, std::uint64_t skip, std::uint32_t limit) override {
        if (fails) throw std::runtime_error("the store is away");
        std::vector<QueueMessage> out;
        for (std::uint64_t i = skip; i < waiting.size() && out.size() < limit; ++i) out.push_back(waiting[i]);
        return out;
    }
    bool remove(std::string_view, std::string_view id) override {
        for (auto it = waiting.begin(); it != waiting.end(); ++it) {
            if (it->id != std::string(id)) continue;
            waiting.erase(it);
            return true;
        }
        return false;
    }

    bool note(const char* method, std::string_view context, const Failure& failure) {
        settled.push_back({method, std::string(context), failure, std::string(failure.text)});
        settled.back().failure.text = {};
        return true;
    }
    static inline Inbox* current = nullptr;
    std::vector<QueueMessage> waiting;
    std::vector<Settled> settled;
    std::size_t given = 0;
    int opened = 0;
    bool at_end = false;
    bool fails = false;
};

// As connectors were written before the SDK could do more.
struct Old : Consumer {
    explicit Old(const Context&) {}
    std::optional<QueueMessage> consume(std::string_view) override {
        return QueueMessage{std::to_string(++given), "body"};
    }
    bool delete_message(std::string_view, std::string_view) override { return true; }
    bool on_fail(std::string_view, std::string_view) override { return ++failed > 0; }
    int given = 0;
    static inline int failed = 0;
};

QueueMessage message(int n) {
    QueueMessage m{"receipt " + std::to_string(n), "body"};
    m.id = "id " + std::to_string(n);
    m.timestamp_ms = 1000 + n;
    return m;
}

bool is_listed(const volley_class& c, std::string_view id) {
    for (const char* const* at = c.extensions; at != nullptr && *at != nullptr; ++at) {
        if (*at == id) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("a consumer's open is called again until it succeeds", "[sdk]") {
    Driven inbox(VOLLEY_CLASS(Inbox));
    for (int n = 0; n < 2; ++n) {
        CHECK(inbox.open() == VOLLEY_E_RETRY);
        CHECK(inbox.error.error.text == std::string("no connection yet"));
    }
    CHECK(inbox.open() == VOLLEY_OK);
    CHECK(Driven(VOLLEY_CLASS(Old)).open() == VOLLEY_OK);
}

TEST_CASE("a message has an id apart from the name of its delivery, and a time", "[sdk]") {
    Driven inbox(VOLLEY_CLASS(Inbox));
    QueueMessage nameless = message(2);
    nameless.id = "";
    Inbox::current->waiting = {message(1), nameless};
    REQUIRE(inbox.consume(3) == 2);
    CHECK(text_of(inbox.messages[0].id) == "id 1");
    CHECK(inbox.messages[0].timestamp_ms == 1001);
    CHECK(is_absent(inbox.messages[1].id));
    CHECK(inbox.settle(inbox.messages[0].handle) == VOLLEY_OK);
    CHECK(Inbox::current->settled.at(0).context == "receipt 1");

    Driven old(VOLLEY_CLASS(Old));
    REQUIRE(old.consume(1) == 1);
    CHECK(text_of(old.messages[0].id) == "1");
}

TEST_CASE("a consumer is told why a message comes back, and of one that failed for good", "[sdk]") {
    Driven inbox(VOLLEY_CLASS(Inbox));
    for (int n = 0; n < 4; ++n) Inbox::current->waiting.push_back(message(n));
    REQUIRE(inbox.consume(4) == 4);
    const auto settle = [&](std::size_t n, std::int32_t outcome, std::uint32_t reason) {
        volley_settlement s{};
        s.handle = inbox.messages[n].handle;
        s.outcome = outcome;
        s.reason = reason;
        s.delay_ms = 250;
        s.attempts = 3;
        s.text = view_of("why");
        CHECK(inbox.settle(s) == VOLLEY_OK);
    };
    settle(0, VOLLEY_NACK, VOLLEY_REASON_TIMEOUT);
    settle(1, VOLLEY_RELEASE, VOLLEY_REASON_NONE);
    settle(2, VOLLEY_ACK, VOLLEY_REASON_HANDLER_FAIL);
    settle(3, VOLLEY_ACK, VOLLEY_REASON_NONE);
    const auto& settled = Inbox::current->settled;
    REQUIRE(settled.size() == 4);
    CHECK(settled[0].method == "fail");
    CHECK_FALSE(settled[0].failure.is_release);
    CHECK(settled[0].failure.reason == VOLLEY_REASON_TIMEOUT);
    CHECK(settled[0].failure.delay_ms == 250);
    CHECK(settled[0].failure.attempts == 3);
    CHECK(settled[0].text == "why");
    CHECK(settled[1].method == "fail");
    CHECK(settled[1].failure.is_release);
    CHECK(settled[2].method == "reject");
    CHECK(settled[2].failure.reason == VOLLEY_REASON_HANDLER_FAIL);
    CHECK(settled[3].method == "delete");

    Driven old(VOLLEY_CLASS(Old));
    REQUIRE(old.consume(1) == 1);
    CHECK(old.settle(old.messages[0].handle, VOLLEY_NACK) == VOLLEY_OK);
    CHECK(Old::failed == 1);
}

TEST_CASE("a bounded consumer ends when it says so", "[sdk]") {
    Driven inbox(VOLLEY_CLASS(Inbox));
    Inbox::current->waiting = {message(1)};
    CHECK(inbox.consume(4) == 1);
    CHECK(inbox.status == VOLLEY_OK);
    Inbox::current->at_end = true;
    CHECK(inbox.consume(4) == 0);
    CHECK(inbox.status == VOLLEY_END);
}

TEST_CASE("two methods make a connector that can be looked into", "[sdk]") {
    const volley_class described = VOLLEY_CLASS(Inbox);
    CHECK(is_listed(described, VOLLEY_EXT_INSPECT));
    CHECK_FALSE(is_listed(VOLLEY_CLASS(Old), VOLLEY_EXT_INSPECT));
    CHECK(Driven(VOLLEY_CLASS(Old)).extension<volley_ext_inspect>(VOLLEY_EXT_INSPECT) == nullptr);

    Driven inbox(described);
    for (int n = 0; n < 600; ++n) Inbox::current->waiting.push_back(message(n));
    const auto* inspect = inbox.extension<volley_ext_inspect>(VOLLEY_EXT_INSPECT);
    REQUIRE(inspect != nullptr);
    volley_stats stats{sizeof(volley_stats), 0, -1, -1, -1, -1, -1};
    CHECK(inspect->stats(inbox.instance, &stats, nullptr) == VOLLEY_OK);
    CHECK(stats.ready == 600);
    CHECK(stats.dead == -1);

    volley_batch page = inbox.empty_batch(2);
    CHECK(inspect->peek(inbox.instance, &page, 10, nullptr) == VOLLEY_OK);
    REQUIRE(page.count == 2);
    CHECK(text_of(inbox.messages[1].id) == "id 11");
    CHECK(inbox.messages[1].handle == 0);
    CHECK(inbox.messages[1].timestamp_ms == 1011);

    volley_batch one = inbox.empty_batch(1);
    CHECK(inspect->find(inbox.instance, view_of("id 555"), &one, nullptr) == VOLLEY_OK);
    REQUIRE(one.count == 1);
    CHECK(text_of(inbox.messages[0].id) == "id 555");
    one = inbox.empty_batch(1);
    CHECK(inspect->find(inbox.instance, view_of("none"), &one, nullptr) == VOLLEY_OK);
    CHECK(one.count == 0);

    std::uint64_t removed = 7;
    CHECK(inspect->remove(inbox.instance, view_of("none"), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 0);
    CHECK(inspect->remove(inbox.instance, view_of("id 555"), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 1);
    CHECK(inspect->purge(inbox.instance, &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 599);

    Inbox::current->fails = true;
    CallError error;
    CHECK(inspect->peek(inbox.instance, &page, 0, error.get()) == VOLLEY_E_RETRY);
    CHECK(error.error.text == std::string("the store is away"));
}

TEST_CASE("a peek that ignores what to skip, and a remove that removes nothing, end a search", "[sdk]") {
    struct Careless : Old, Inspectable {
        using Old::Old;
        std::int64_t count(std::string_view) override { return 3; }
        std::vector<QueueMessage> peek(std::string_view, std::uint64_t, std::uint32_t) override {
            return {message(1), message(2), message(3)};
        }
        bool remove(std::string_view, std::string_view) override { return true; }
    };
    Driven careless(VOLLEY_CLASS(Careless));
    const auto* inspect = careless.extension<volley_ext_inspect>(VOLLEY_EXT_INSPECT);
    REQUIRE(inspect != nullptr);
    volley_batch one = careless.empty_batch(1);
    CHECK(inspect->find(careless.instance, view_of("none"), &one, nullptr) == VOLLEY_OK);
    CHECK(one.count == 0);
    std::uint64_t removed = 0;
    CHECK(inspect->purge(careless.instance, &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 3);
    one = careless.empty_batch(1);
    CHECK(inspect->peek(careless.instance, &one, 0, nullptr) == VOLLEY_OK);
    CHECK(one.count == 1);  // more than there is room for
}

TEST_CASE("a class states its flags and its summary in members", "[sdk]") {
    const volley_class c = VOLLEY_CLASS(Inbox);
    CHECK(c.flags == (VOLLEY_CAN_DELAY | VOLLEY_ORDERED | VOLLEY_BOUNDED | VOLLEY_CAN_HEADERS));
    CHECK(c.summary == std::string("an inbox"));
    CHECK(VOLLEY_CLASS(Old).flags == 0);
    CHECK(VOLLEY_CLASS(Old).summary == nullptr);
}

TEST_CASE("a store that is away fills no log with settlements that fail", "[sdk]") {
    struct Away : Old {
        using Old::Old;
        bool delete_message(std::string_view, std::string_view) override {
            throw RetryLater("the store is away");
        }
    };
    Driven away(VOLLEY_CLASS(Away));
    REQUIRE(away.consume(1) == 1);
    logged.clear();
    for (int n = 0; n < 100; ++n) CHECK(away.settle(away.messages[0].handle) == VOLLEY_E_RETRY);
    CHECK(logged == std::vector<std::string>{"the store is away"});
}

// ---- producers

namespace {

std::vector<std::string> produced;

template <bool is_ordered>
struct Outbox : Producer {
    static constexpr bool ordered = is_ordered;
    explicit Outbox(const Context&) {}
    void open() override {
        if (++opened < 2) throw std::runtime_error("no connection yet");
    }
    bool produce(std::string_view, std::string_view body, const Options& options) override {
        if (body == "away") throw RetryLater("the store is away", 40);
        if (body == "wrong") throw Rejected("not this one");
        produced.push_back(std::string(body) + " " + std::to_string(options.timestamp_ms) + " " +
                           std::to_string(options.partition));
        return true;
    }
    int opened = 0;
};
using Ordered = Outbox<true>;
using Unordered = Outbox<false>;

struct Produced {
    std::int32_t status;
    std::uint32_t accepted;
    std::uint32_t retry_after_ms;
    std::map<std::uint64_t, std::int32_t> reports;
};

Produced produce(const volley_class& described, const std::vector<std::string>& bodies) {
    const auto& functions = *static_cast<const volley_producer_class*>(described.functions);
    Produced out{};
    const volley_options o = options();
    const auto take = [](void* to, const volley_report* r, std::uint32_t, std::uint32_t) {
        (*static_cast<std::map<std::uint64_t, std::int32_t>*>(to))[r->token] = r->status;
    };
    volley_producer* instance = nullptr;
    REQUIRE(functions.create(host(), &o, take, &out.reports, &instance, nullptr) == VOLLEY_OK);
    CHECK(functions.open(instance, nullptr) == VOLLEY_E_RETRY);
    CHECK(functions.open(instance, nullptr) == VOLLEY_OK);
    std::vector<volley_record> records(bodies.size());
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        records[i] = volley_record{};
        records[i].token = i;
        records[i].body = view_of(bodies[i]);
        records[i].timestamp_ms = 5;
        records[i].partition = 2;
    }
    produced.clear();
    CallError error;
    out.status = functions.produce(instance, records.data(), static_cast<std::uint32_t>(records.size()),
                                   sizeof records[0], &out.accepted, error.get());
    out.retry_after_ms = error.error.retry_after_ms;
    functions.destroy(instance);
    return out;
}

}  // namespace

TEST_CASE("a producer in order sends nothing past a message that is to be sent again", "[sdk]") {
    const Produced in_order = produce(VOLLEY_CLASS(Ordered), {"a", "wrong", "b", "away", "c"});
    CHECK(in_order.status == VOLLEY_E_RETRY);
    CHECK(in_order.retry_after_ms == 40);
    CHECK(in_order.accepted == 3);
    CHECK(in_order.reports ==
          std::map<std::uint64_t, std::int32_t>{{0, VOLLEY_OK}, {1, VOLLEY_E_PERMANENT}, {2, VOLLEY_OK}});
    CHECK(produced == std::vector<std::string>{"a 5 2", "b 5 2"});

    const Produced any = produce(VOLLEY_CLASS(Unordered), {"a", "away", "c"});
    CHECK(any.status == VOLLEY_OK);
    CHECK(any.accepted == 3);
    CHECK(any.reports ==
          std::map<std::uint64_t, std::int32_t>{{0, VOLLEY_OK}, {1, VOLLEY_E_RETRY}, {2, VOLLEY_OK}});
}

VOLLEY_PLUGIN("tested", "1.2.3", volley::author("Ada"), volley::license("MIT"), VOLLEY_CLASS(Inbox),
              volley::summary("for tests"), volley::url("https://a.example"), VOLLEY_CLASS(Old));

TEST_CASE("a plugin names its author, its licence, its summary and its place", "[sdk]") {
    const volley_plugin& plugin = *volley_plugin_v1(nullptr, nullptr);
    CHECK(plugin.name == std::string("tested"));
    CHECK(plugin.version == std::string("1.2.3"));
    CHECK(plugin.author == std::string("Ada"));
    CHECK(plugin.license == std::string("MIT"));
    CHECK(plugin.summary == std::string("for tests"));
    CHECK(plugin.url == std::string("https://a.example"));
    REQUIRE(plugin.class_count == 2);
    CHECK(plugin.classes[1]->name == std::string("Old"));
    CHECK(volley_plugin_v1(nullptr, nullptr) == &plugin);
}
