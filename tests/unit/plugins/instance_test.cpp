// The walls around a plugin's functions.
#include "plugins/instance.hpp"

#include <catch2/catch.hpp>

#include "plugins/metrics.hpp"
#include "plugins/metrics_registry.hpp"
#include "support/stops.hpp"

using namespace volley;
using namespace volley::plugins;
using Catch::Matchers::Contains;
using volley::test::stops;

namespace {

Result<Consumer> make(const std::string& config) {
    Catalog catalog({VOLLEY_TEST_PLUGINS});
    return Consumer::create(*catalog.find(Kind::consumer, "good.so:First", "/"),
                            {.queue = "q", .component = "c"}, config, "v", "/");
}

Result<std::int32_t> consume(Consumer& consumer, std::uint32_t timeout_ms) {
    volley_message message{};
    volley_batch batch{};
    batch.struct_size = sizeof batch;
    batch.message_size = sizeof message;
    batch.messages = &message;
    batch.capacity = 1;
    return consumer.consume(batch, timeout_ms);
}

}  // namespace

TEST_CASE("a call out of the ABI's order stops the process before it reaches the plugin", "[instance]") {
    auto consumer = make("{}");
    REQUIRE(consumer);
    CHECK(stops([&] { (void)consume(*consumer, 0); }));
    CHECK(stops([&] { (void)consumer->close(0); }));
    REQUIRE(consumer->open());
    CHECK(stops([&] { (void)consumer->open(); }));
    CHECK_FALSE(stops([&] { (void)consume(*consumer, 0); }));
    REQUIRE(consumer->close(0));
    CHECK(stops([&] { (void)consumer->poll(0); }));
    CHECK(stops([&] { (void)consumer->close(0); }));
}

TEST_CASE("a plugin's refusal keeps its code, text and key, behind the class's name", "[instance]") {
    const auto refused = make(R"({"refuse": 1})");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::config);
    CHECK(refused.error().text == "good.so:First: asked to refuse");
    CHECK(refused.error().field == "/refuse");
}

TEST_CASE("a configuration that is no object is refused before the plugin sees it", "[instance]") {
    CHECK(make("[1]").error().code == ErrorCode::config);
    CHECK(make("{").error().code == ErrorCode::config);
}

TEST_CASE("a status becomes its error, and an unknown one is fatal", "[instance]") {
    auto consumer = make("{}");
    REQUIRE(consumer);
    REQUIRE(consumer->open());
    CHECK(*consume(*consumer, 0) == VOLLEY_OK);
    CHECK(*consume(*consumer, 4) == VOLLEY_END);
    CHECK(consume(*consumer, 1).error().code == ErrorCode::unauthorized);
    CHECK_THAT(consume(*consumer, 1).error().text, Contains("wrong password"));
    CHECK(consume(*consumer, 2).error().code == ErrorCode::fatal);
    CHECK(consume(*consumer, 3).error().code == ErrorCode::fatal);
}

TEST_CASE("a status that the ABI does not define for a call is named, with the class", "[instance]") {
    auto consumer = make("{}");
    REQUIRE(consumer);
    REQUIRE(consumer->open());
    CHECK(consume(*consumer, 2).error().text ==
          "good.so:First: consume returned the status 99, which the ABI does not define");
    CHECK(consume(*consumer, 7).error().text ==
          "good.so:First: consume returned VOLLEY_AGAIN, which the ABI does not allow there");
}

TEST_CASE("a passing error with messages is fatal, because they would be lost", "[instance]") {
    auto consumer = make("{}");
    REQUIRE(consumer);
    REQUIRE(consumer->open());
    const auto passing = consume(*consumer, 5);
    REQUIRE_FALSE(passing);
    CHECK(passing.error().code == ErrorCode::fatal);
    CHECK_THAT(passing.error().text,
               Contains("good.so:First: the connection broke") &&
                   Contains("it must return the messages, and the error from the next"));
    CHECK(consume(*consumer, 6).error().code == ErrorCode::fenced);
}

TEST_CASE("functions that a class does not offer do nothing", "[instance]") {
    auto consumer = make("{}");
    REQUIRE(consumer);
    CHECK(consumer->open());
    CHECK(consumer->poll(0));
    CHECK_FALSE(consumer->can_interrupt());
    consumer->interrupt();
    CHECK(consumer->extension("volley.inspect/1") == nullptr);
    CHECK(consumer->close(0));
}

TEST_CASE("a plugin's metric carries the names of queue and component", "[instance]") {
    REQUIRE(make("{}"));
    bool found = false;
    for (const MetricSample& sample : plugin_metrics()) {
        if (sample.name != "volley_plugin_created_total") continue;
        found = true;
        CHECK(sample.labels ==
              std::vector<std::pair<std::string, std::string>>{{"queue", "q"}, {"component", "c"}});
        CHECK(sample.value >= 1);
    }
    CHECK(found);
}

TEST_CASE("whatever a plugin calls its metrics, they can be read", "[instance]") {
    const Labels labels{{"queue", "q"}, {"queue", "again"}, {"a-b", "\xff\xfe"}, {"1st", ""},
                        {"", "x"},      {"app", "y"},       {"__name__", "z"}};
    add_to_metric(find_or_make_metric(VOLLEY_COUNTER, "odd name\n{", "\xff", labels), 1);
    add_to_metric(find_or_make_metric(77, "of_no_kind", "", {}), 1);
    bool found = false;
    for (const MetricSample& sample : plugin_metrics()) {
        CHECK(sample.name != "volley_plugin_of_no_kind");
        if (sample.name != "volley_plugin_odd_name__") continue;
        found = true;
        CHECK(sample.help == "?");
        CHECK(sample.labels == Labels{{"queue", "q"},
                                      {"a_b", "??"},
                                      {"_1st", ""},
                                      {"_", "x"},
                                      {"pluginapp", "y"},
                                      {"plugin__name__", "z"}});
    }
    CHECK(found);
}

TEST_CASE("a handler of a plugin handles tasks", "[instance]") {
    Catalog catalog({VOLLEY_TEST_PLUGINS});
    volley_jobs jobs{};
    auto handler = HandlerInstance::create(*catalog.find(Kind::handler, "good.so", "/"), {.component = "c"},
                                           "{}", "/", &jobs);
    REQUIRE(handler);
    REQUIRE(handler->open());
    volley_task tasks[2]{};
    CHECK(handler->handle(tasks, 2));
    CHECK(tasks[1].status == VOLLEY_DROP);
}
