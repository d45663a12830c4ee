// Looking into a queue without taking, and the errors of opening.
#include <fstream>

#include "database.hpp"

using namespace volley;
using namespace volley::test;
using Catch::Matchers::Contains;

TEST_CASE("what waits can be counted, looked at, found, removed and purged", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    Outgoing out;
    for (const char* body : {"taken", "a", "b", "later"}) out.add(body);
    out.records[3].delay_ms = 3'600'000;
    send(producer, out);
    REQUIRE(bodies(take(consumer, 1)) == Bodies{"taken"});
    const auto* inspect = static_cast<const volley_ext_inspect*>(producer.extension(VOLLEY_EXT_INSPECT));
    REQUIRE(inspect != nullptr);
    CHECK(inspect->check(producer.get(), 1000, nullptr) == VOLLEY_OK);

    volley_stats stats{};
    stats.struct_size = sizeof stats;
    CHECK(inspect->stats(producer.get(), &stats, nullptr) == VOLLEY_OK);
    CHECK(stats.ready == 2);
    CHECK(stats.in_flight == 1);
    CHECK(stats.delayed == 1);
    CHECK(stats.oldest_ms >= 0);

    Room room(10);
    CHECK(inspect->peek(producer.get(), &room.batch, 1, nullptr) == VOLLEY_OK);
    const auto seen = room.received();
    CHECK(bodies(seen) == Bodies{"b", "later"});
    CHECK(inspect->find(producer.get(), view_of(seen[1].id), &room.batch, nullptr) == VOLLEY_OK);
    CHECK(bodies(room.received()) == Bodies{"later"});
    std::uint64_t removed = 7;
    CHECK(inspect->remove(producer.get(), view_of(seen[0].id), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 1);
    CHECK(inspect->remove(producer.get(), view_of("no number"), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 0);
    CHECK(inspect->purge(producer.get(), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 2);
    CHECK(rig.sql("SELECT group_concat(body) FROM volley_messages") == "taken");
}

TEST_CASE("a file that is no database is a mistake in the configuration", "[sqlite]") {
    SqliteRig rig;
    std::ofstream(rig.path / "volley.db") << std::string(8192, 'x');
    auto consumer = rig.create_consumer("q");
    REQUIRE(consumer);
    const auto refused = consumer->open();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::config);
    CHECK(refused.error().field == "/path");
    CHECK_THAT(refused.error().text, Contains("volley.db") && Contains("no SQLite database; correct `path`"));
}

TEST_CASE("a folder that does not exist is a mistake in the configuration", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.create_producer("q", R"({"path": "none/volley.db"})");
    REQUIRE(producer);
    const auto refused = producer->open();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::config);
    CHECK_THAT(refused.error().text, Contains("does its folder exist"));
}

TEST_CASE("without a path, a configuration in /etc has its file in the state directory", "[sqlite]") {
    struct Etc : Directory, Rig {
        Etc() : Rig("sqlite.so", "/etc/volley") {
            ::setenv("STATE_DIRECTORY", (path.string() + ":/other").c_str(), 1);
        }
        ~Etc() { ::unsetenv("STATE_DIRECTORY"); }
    } rig;
    auto producer = rig.create_producer("q");
    REQUIRE(producer);
    REQUIRE(producer->open());
    CHECK(std::filesystem::exists(rig.path / "volley.db"));
}

TEST_CASE("a table of another program under our name is named, not used", "[sqlite]") {
    SqliteRig rig;
    rig.sql("CREATE TABLE volley_messages (x)");
    auto consumer = rig.create_consumer("q");
    const auto refused = consumer->open();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::config);
    CHECK_THAT(refused.error().text, Contains("table volley_messages"));
}

TEST_CASE("a wrong value in the configuration of sqlite is refused with its key", "[sqlite]") {
    SqliteRig rig;
    auto refused = rig.create_consumer("q", R"({"lease_ms": 5})");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::config);
    CHECK(refused.error().field == "/lease_ms");
}
