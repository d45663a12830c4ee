// The four methods and the handler of the C++ SDK, driven through the tables that the engine sees: whatever a
// method throws becomes a status with its text, and no message is lost on the way.
#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <set>
#include <stdexcept>

#include "fake_host.hpp"

using namespace volley;
using Catch::Matchers::Contains;

namespace {

// What a method throws, by name.
struct Throw {
    const char* name;
    std::int32_t status;
    const char* text;
    // Where there is no call to be made again.
    std::int32_t of_the_instance() const {
        const std::string_view what = name;
        return what == "logic" || what == "int" ? VOLLEY_E_FATAL : status;
    }
    void operator()() const {
        const std::string_view what = name;
        if (what == "retry") throw Error(ErrorCode::retry, "the store is away");
        if (what == "fenced") throw Error(ErrorCode::fenced, "another has our place");
        if (what == "logic") throw std::logic_error("a bug");
        if (what == "memory") throw std::bad_alloc();
        throw 42;
    }
};
constexpr Throw throws[] = {{"retry", VOLLEY_E_RETRY, "the store is away"},
                            {"fenced", VOLLEY_E_FENCED, "another has our place"},
                            {"logic", VOLLEY_E_RETRY, "a bug"},
                            {"memory", VOLLEY_E_RETRY, "out of memory"},
                            {"int", VOLLEY_E_RETRY, "no std::exception"}};

// What the classes under test do.
std::function<void(const char* method)> at = [](const char*) {};

struct Table : Consumer {
    static constexpr std::uint32_t max_open = 4;
    explicit Table(const Context&) {
        at("constructor");
        current = this;
    }
    ~Table() override { current = nullptr; }
    std::optional<QueueMessage> consume(std::string_view queue) override {
        at("consume");
        CHECK(queue == "table");
        if (waiting.empty()) return std::nullopt;
        QueueMessage m = waiting.front();
        waiting.pop_front();
        open.insert(m.message_context);
        return m;
    }
    bool delete_message(std::string_view, std::string_view id) override {
        at("delete_message");
        return open.erase(std::string(id)) == 1;
    }
    bool on_fail(std::string_view, std::string_view id) override {
        at("on_fail");
        return open.erase(std::string(id)) == 1;
    }
    void shutdown() override { at("shutdown"); }

    static inline Table* current = nullptr;
    std::deque<QueueMessage> waiting;
    std::set<std::string> open;
};

constexpr auto consumers = consumer_functions<detail::ConsumerShim<Table>>();

struct Made {
    Made() {
        const volley_options o = options();
        status = consumers.create(host(), &o, &instance, error.get());
    }
    ~Made() {
        if (instance != nullptr) consumers.destroy(instance);
        at = [](const char*) {};
    }
    Made(const Made&) = delete;
    Made& operator=(const Made&) = delete;
    // Returns how many came; `status` and `error` say the rest.
    std::uint32_t consume(std::uint32_t room) {
        messages.assign(room, volley_message{});
        volley_batch batch{};
        batch.struct_size = sizeof batch;
        batch.message_size = sizeof(volley_message);
        batch.messages = messages.data();
        batch.capacity = room;
        error = CallError();
        status = consumers.consume(instance, &batch, 0, error.get());
        return batch.count;
    }
    std::int32_t settle(std::uint64_t handle, std::int32_t outcome = VOLLEY_ACK) {
        volley_settlement s{};
        s.handle = handle;
        s.outcome = outcome;
        CHECK(consumers.settle(instance, &s, 1, sizeof s, nullptr) == VOLLEY_OK);
        return s.result;
    }
    volley_consumer* instance = nullptr;
    std::int32_t status = 0;
    CallError error;
    std::vector<volley_message> messages;
};

QueueMessage message(int n) { return {std::to_string(n), "body " + std::to_string(n)}; }

}  // namespace

TEST_CASE("a consumer that throws in the middle of a batch loses nothing", "[sdk]") {
    for (const Throw& what : throws) {
        for (int place = 1; place <= 4; ++place) {
            INFO(what.name << " at " << place);
            Made made;
            REQUIRE(made.status == VOLLEY_OK);
            for (int n = 0; n < 6; ++n) Table::current->waiting.push_back(message(n));
            int calls = 0;
            logged.clear();
            at = [&](const char* method) {
                if (method == std::string_view("consume") && ++calls == place) what();
            };
            std::set<std::string> settled;
            bool told = false;
            for (int round = 0; round < 4 || settled.size() < 6; ++round) {
                REQUIRE(round < 20);
                const std::uint32_t count = made.consume(3);
                if (made.status != VOLLEY_OK) {
                    CHECK(count == 0);
                    CHECK(made.status == what.status);
                    CHECK_THAT(made.error.error.text, Contains(what.text));
                    told = true;
                }
                for (std::uint32_t i = 0; i < count; ++i) {
                    settled.emplace(text_of(made.messages[i].id));
                    CHECK(made.settle(made.messages[i].handle) == VOLLEY_OK);
                }
            }
            CHECK(settled.size() == 6);
            CHECK(Table::current->open.empty());
            // At the first place it is the call's error; behind messages only what does not pass by itself.
            CHECK(told == (place == 1 || place == 4 || what.status != VOLLEY_E_RETRY));
            CHECK(told != (logged.size() == 1));
        }
    }
}

TEST_CASE("what a settling method throws is the settlement's result, and in the log", "[sdk]") {
    for (const Throw& what : throws) {
        for (const std::int32_t outcome : {VOLLEY_ACK, VOLLEY_NACK, VOLLEY_RELEASE}) {
            INFO(what.name << " " << outcome);
            Made made;
            Table::current->waiting.push_back(message(1));
            REQUIRE(made.consume(1) == 1);
            logged.clear();
            at = [&](const char*) { what(); };
            CHECK(made.settle(made.messages[0].handle, outcome) == what.status);
            REQUIRE(logged.size() == 1);
            CHECK_THAT(logged[0], Contains(what.text));
            at = [](const char*) {};
            // What may pass leaves the delivery open, anything else closes it.
            const std::int32_t again = what.status == VOLLEY_E_RETRY ? VOLLEY_OK : VOLLEY_E_LOST;
            CHECK(made.settle(made.messages[0].handle, outcome) == again);
        }
    }
}

TEST_CASE("what a constructor or shutdown throws is a status with its text", "[sdk]") {
    for (const Throw& what : throws) {
        INFO(what.name);
        at = [&](const char*) { what(); };
        Made refused;
        CHECK(refused.instance == nullptr);
        CHECK(refused.status == what.of_the_instance());
        CHECK_THAT(refused.error.error.text, Contains(what.text));
        at = [](const char*) {};
        Made made;
        at = [&](const char*) { what(); };
        CallError error;
        CHECK(consumers.close(made.instance, 0, error.get()) == what.of_the_instance());
        CHECK_THAT(error.error.text, Contains(what.text));
    }
}

TEST_CASE("keys and headers of a consumer's message arrive as they are", "[sdk]") {
    Made made;
    const std::string binary("\0\xff", 2);
    QueueMessage with = message(1);
    with.key = "";
    with.headers = {{"twice", binary}, {"twice", "b"}, {"null"}, {"", ""}};
    Table::current->waiting = {with, message(2)};
    REQUIRE(made.consume(2) == 2);
    const Message first(made.messages[0], 1);
    CHECK(first.has_key());
    CHECK(first.key().empty());
    std::vector<std::pair<std::string, std::optional<std::string>>> seen;
    for (const HeaderView& h : first.headers()) seen.emplace_back(h.name, h.value);
    CHECK(seen == std::vector<std::pair<std::string, std::optional<std::string>>>{
                      {"twice", binary}, {"twice", "b"}, {"null", std::nullopt}, {"", ""}});
    CHECK(first.header("twice") == binary);
    CHECK(first.header("null") == std::nullopt);
    CHECK(first.header("") == "");
    const Message second(made.messages[1], 1);
    CHECK_FALSE(second.has_key());
    CHECK(second.headers().empty());
}

// ---- producers

namespace {

struct Sent {
    std::optional<std::string> key;
    std::vector<std::pair<std::string, std::optional<std::string>>> headers;
    bool is_tombstone;
    std::string body;
};
std::vector<Sent> sent;

struct Shelf : Producer {
    static constexpr std::uint64_t flags = VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS | VOLLEY_CAN_TOMBSTONE;
    explicit Shelf(const Context&) {}
    bool produce(std::string_view, std::string_view body, const Options& o) override {
        at("produce");
        Sent& now = sent.emplace_back(Sent{std::nullopt, {}, o.is_tombstone, std::string(body)});
        if (o.key) now.key = *o.key;
        for (const HeaderView& h : o.headers) now.headers.emplace_back(h.name, h.value);
        return true;
    }
};

constexpr auto producers = producer_functions<detail::ProducerShim<Shelf>>();

struct Reported {
    std::uint64_t token;
    std::int32_t status;
    std::string text;
};

}  // namespace

TEST_CASE("a producer sees keys and headers as they are, and each record is reported", "[sdk]") {
    CHECK(VOLLEY_CLASS(Shelf).flags == Shelf::flags);
    std::vector<Reported> reports;
    const volley_options o = options();
    volley_producer* instance = nullptr;
    const auto take = [](void* to, const volley_report* r, std::uint32_t, std::uint32_t) {
        static_cast<std::vector<Reported>*>(to)->push_back(
            {r->token, r->status, std::string(text_of(r->text))});
    };
    REQUIRE(producers.create(host(), &o, take, &reports, &instance, nullptr) == VOLLEY_OK);
    const std::string binary("\0\xff", 2);
    volley_header headers[]{header_of("twice", binary), header_of("twice", std::nullopt)};
    volley_record records[2]{};
    records[0].token = 7;
    records[0].key = view_of("");
    records[0].body = view_of("");
    records[0].headers = headers;
    records[0].header_count = 2;
    records[1].token = 8;
    const auto produce = [&] {
        reports.clear();
        sent.clear();
        std::uint32_t accepted = 0;
        CHECK(producers.produce(instance, records, 2, sizeof records[0], &accepted, nullptr) == VOLLEY_OK);
        CHECK(accepted == 2);
        REQUIRE(reports.size() == 2);
        CHECK(reports[0].token == 7);
        CHECK(reports[1].token == 8);
    };
    produce();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].key == "");
    CHECK_FALSE(sent[0].is_tombstone);
    REQUIRE(sent[0].headers.size() == 2);
    CHECK(sent[0].headers[0].second == binary);
    CHECK(sent[0].headers[1].second == std::nullopt);
    CHECK(sent[1].key == std::nullopt);
    CHECK(sent[1].is_tombstone);
    for (const Throw& what : throws) {
        INFO(what.name);
        int calls = 0;
        at = [&](const char*) {
            if (++calls == 1) what();
        };
        produce();
        CHECK(reports[0].status == what.status);
        CHECK_THAT(reports[0].text, Contains(what.text));
        CHECK(reports[1].status == VOLLEY_OK);
        CHECK(sent.size() == 1);
    }
    at = [](const char*) {};
    producers.destroy(instance);
}

// ---- handlers

namespace {

std::function<void(const Message&, Outputs&)> body_of_handle;

struct Work : Handler {
    explicit Work(const Context&) {}
    void handle(const Message& m, Outputs& out) override { body_of_handle(m, out); }
};

constexpr auto handlers = handler_functions<Work>();

std::vector<std::string> explained;
std::vector<volley_record> emitted;

const volley_jobs* jobs() {
    static const volley_jobs table = [] {
        volley_jobs t{};
        t.struct_size = sizeof t;
        t.emit = [](void*, volley_job*, volley_view, const volley_record* r, std::uint32_t, volley_error*) {
            emitted.push_back(*r);
            return std::int32_t{VOLLEY_OK};
        };
        t.explain = [](void*, volley_job*, volley_view text) { explained.emplace_back(text_of(text)); };
        t.finish = [](void*, volley_job*, std::int32_t, std::uint64_t) {};
        t.cancelled = [](void*, volley_job*) { return std::int32_t{0}; };
        return t;
    }();
    return &table;
}

struct Ran {
    std::int32_t status;
    std::string text;
    std::vector<volley_task> tasks;
};

Ran run(std::uint32_t count, std::function<void(const Message&, Outputs&)> body) {
    body_of_handle = std::move(body);
    explained.clear();
    emitted.clear();
    const volley_options o = options();
    volley_handler* instance = nullptr;
    REQUIRE(handlers.create(host(), &o, jobs(), &instance, nullptr) == VOLLEY_OK);
    static const volley_message blank{};
    volley_task task{};
    task.message = &blank;
    Ran ran{0, {}, std::vector<volley_task>(count, task)};
    CallError error;
    ran.status = handlers.handle(instance, ran.tasks.data(), count, sizeof(volley_task), error.get());
    ran.text = error.error.text;
    handlers.destroy(instance);
    return ran;
}

}  // namespace

TEST_CASE("what a handler throws ends its message, with the text", "[sdk]") {
    const auto one = [](auto thrown) {
        Ran ran = run(1, [&](const Message&, Outputs&) { throw thrown; });
        CHECK(ran.status == VOLLEY_OK);
        REQUIRE(explained.size() == 1);
        return ran.tasks[0];
    };
    CHECK(one(RetryLater("why", 5)).status == VOLLEY_E_RETRY);
    CHECK(one(RetryLater("why", 5)).retry_after_ms == 5);
    CHECK(one(Rejected("why")).status == VOLLEY_E_PERMANENT);
    CHECK(one(Dropped("why")).status == VOLLEY_DROP);
    CHECK(one(std::logic_error("why")).status == VOLLEY_E_RETRY);
    for (const ErrorCode code : {ErrorCode::retry, ErrorCode::unknown, ErrorCode::lost})
        CHECK(one(Error(code, "why")).status == VOLLEY_E_RETRY);
    for (const ErrorCode code : {ErrorCode::permanent, ErrorCode::too_large, ErrorCode::unsupported})
        CHECK(one(Error(code, "why")).status == VOLLEY_E_PERMANENT);
    CHECK(explained[0] == "why");
    CHECK(one(42).status == VOLLEY_E_RETRY);
    Error later(ErrorCode::retry, "why");
    later.retry_after_ms = 7;
    CHECK(one(later).retry_after_ms == 7);
}

TEST_CASE("an error of the instance ends the call, and leaves the rest undecided", "[sdk]") {
    for (const ErrorCode code :
         {ErrorCode::fatal, ErrorCode::config, ErrorCode::fenced, ErrorCode::unauthorized}) {
        int calls = 0;
        const Ran ran = run(3, [&](const Message&, Outputs&) {
            if (++calls == 1) throw Rejected("it is bad");
            throw Error(code, "the connection is gone");
        });
        CHECK(ran.status == static_cast<std::int32_t>(code));
        CHECK(ran.text == "the connection is gone");
        CHECK(calls == 2);
        CHECK(ran.tasks[0].status == VOLLEY_E_PERMANENT);
        CHECK(ran.tasks[1].status == VOLLEY_OK);
        CHECK(ran.tasks[2].status == VOLLEY_OK);
    }
}

TEST_CASE("an output has the input's key and headers, its own, or none", "[sdk]") {
    const volley_header headers[]{header_of("twice", "a"), header_of("twice", std::nullopt)};
    run(1, [&](const Message&, Outputs& out) {
        out.send_all("x");
        OutputOptions own;
        own.key = "";
        own.headers = headers;
        own.header_count = 2;
        out.send_all("x", own);
        OutputOptions none;
        none.without_key = none.without_headers = true;
        out.send_all("x", none);
    });
    REQUIRE(emitted.size() == 3);
    CHECK(is_absent(emitted[0].key));
    CHECK(emitted[0].flags == 0);
    CHECK_FALSE(is_absent(emitted[1].key));
    CHECK(emitted[1].header_count == 2);
    CHECK(is_absent(emitted[1].headers[1].value));
    CHECK(emitted[2].flags == (VOLLEY_RECORD_OWN_KEY | VOLLEY_RECORD_OWN_HEADERS));
}
