// Making the schema, by several at once; its version; which store it is.
#include <future>

#include "server.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("several that start at once make one schema", "[postgresql]") {
    PostgresRig rig;
    std::vector<std::future<bool>> starts;
    std::vector<plugins::Producer> producers;
    for (int i = 0; i < 8; ++i) {
        auto made = rig.create_producer("q" + std::to_string(i % 2), rig.config());
        REQUIRE(made);
        producers.push_back(std::move(*made));
    }
    for (auto& producer : producers)
        starts.push_back(std::async(std::launch::async, [&] { return producer.open().has_value(); }));
    for (auto& start : starts) CHECK(start.get());
    CHECK(rig.sql("SELECT version FROM volley_schema") == "1");
}

TEST_CASE("a schema of a newer version is left alone", "[postgresql]") {
    PostgresRig rig;
    { auto maker = rig.producer(); }
    rig.sql("UPDATE volley_schema SET version = 99");
    auto made = rig.create_consumer("q", rig.config());
    auto opened = made->open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::config);
    CHECK(opened.error().text.find("99") != std::string::npos);
}

TEST_CASE("a table of another program under the queue's name is an error", "[postgresql]") {
    PostgresRig rig;
    { auto maker = rig.producer("other"); }
    rig.sql("CREATE TABLE q (id bigint, text text)");
    auto consumer = rig.create_consumer("q", rig.config());
    auto opened = consumer->open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::config);
    CHECK(opened.error().text.find("another program") != std::string::npos);
}

TEST_CASE("the identity stays with the table, and another table has another", "[postgresql]") {
    PostgresRig rig;
    const auto identity = [](plugins::Consumer& consumer) {
        const auto* table = static_cast<const volley_ext_identity*>(consumer.extension(VOLLEY_EXT_IDENTITY));
        volley_view view{};
        REQUIRE(table->identity(consumer.get(), &view, nullptr) == VOLLEY_OK);
        return std::string(text_of(view));
    };
    std::string first;
    {
        auto consumer = rig.consumer();
        first = identity(consumer);
    }
    {
        auto again = rig.consumer();
        CHECK(identity(again) == first);
    }
    auto other = rig.consumer("other");
    CHECK(identity(other) != first);
    rig.sql("DROP TABLE q");
    auto anew = rig.consumer();
    CHECK(identity(anew) != first);
}
