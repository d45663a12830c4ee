// The database file is moved away, deleted or replaced while it is in use.
#include <fstream>
#include <thread>

#include "database.hpp"

using namespace volley;
using namespace volley::test;

namespace {

struct ReplacedRig : SqliteRig {
    // Like `mv volley.db* old/`.
    void move_away() const {
        std::filesystem::create_directories(path / "old");
        for (const char* end : {"", "-wal", "-shm"}) {
            const std::string name = std::string("volley.db") + end;
            if (std::filesystem::exists(path / name))
                std::filesystem::rename(path / name, path / "old" / name);
        }
    }
    // A new database in its place, with these messages in "in".
    void put_new(std::initializer_list<std::string_view> texts) {
        auto source = producer("in");
        send(source, texts);
    }
};

// Calls until it returns no error that passes; 30 seconds at most.
std::vector<Received> take_from_new(plugins::Consumer& consumer, std::string& last_error) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
        Room room(16);
        const auto result = consumer.consume(room.batch, 50);
        if (result && room.batch.count > 0) return room.received();
        if (result) continue;
        if (result.error().code != ErrorCode::retry) FAIL(result.error().text);
        last_error = result.error().text;
    }
    FAIL("nothing came: " + last_error);
    return {};
}

Result<std::int32_t> produce(plugins::Producer& producer, const Outgoing& out, std::uint32_t& accepted) {
    return producer.produce(out.records.data(), static_cast<std::uint32_t>(out.records.size()), accepted);
}

}  // namespace

TEST_CASE("a consumer whose file is gone says so, makes no other, and reads the one that is put there",
          "[sqlite]") {
    ReplacedRig rig;
    auto consumer = rig.consumer("in");
    rig.put_new({"old"});
    const auto old = take_all(consumer, 1);
    REQUIRE(old.size() == 1);
    rig.move_away();

    Room room(1);
    const auto gone = consumer.consume(room.batch, 0);
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == ErrorCode::retry);
    CHECK(gone.error().text.find("moved away or deleted") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(rig.path / "volley.db"));

    rig.put_new({"new"});
    std::string last_error;
    const auto got = take_from_new(consumer, last_error);
    CHECK(bodies(got) == Bodies{"new"});
    CHECK(last_error.find("another file was put there") != std::string::npos);
    CHECK(settle(consumer, old, VOLLEY_ACK) == Results{VOLLEY_E_LOST});
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK});
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "0");
}

TEST_CASE("a file that is still being copied to the place of the old one is not opened", "[sqlite]") {
    ReplacedRig rig;
    auto consumer = rig.consumer("in");
    rig.move_away();
    std::ofstream copy(rig.path / "volley.db", std::ios::binary);
    for (int i = 0; i < 15; ++i) {
        Room room(1);
        const auto result = consumer.consume(room.batch, 0);
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::retry);
        copy << std::string(100, 'x') << std::flush;
        std::this_thread::sleep_for(
            std::chrono::milliseconds(100));  // it grows like a copy, for longer than the required pause
    }
    CHECK_FALSE(std::filesystem::exists(rig.path / "volley.db-wal"));
}

TEST_CASE("a file that is no database in the place of the old one is waited out", "[sqlite]") {
    ReplacedRig rig;
    auto consumer = rig.consumer("in");
    rig.move_away();
    std::ofstream(rig.path / "volley.db") << std::string(5000, 'x');
    std::string last_error;
    const bool told = [&] {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (std::chrono::steady_clock::now() < deadline) {
            Room room(1);
            const auto result = consumer.consume(room.batch, 0);
            REQUIRE_FALSE(result);
            CHECK(result.error().code == ErrorCode::retry);
            if (result.error().text.find("no SQLite database") != std::string::npos) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return false;
    }();
    CHECK(told);
    std::filesystem::remove(rig.path / "volley.db");
    rig.put_new({"new"});
    CHECK(bodies(take_from_new(consumer, last_error)) == Bodies{"new"});
}

TEST_CASE("a producer confirms nothing that is not in the file at its path", "[sqlite]") {
    ReplacedRig rig;
    auto producer = rig.producer("out");
    rig.move_away();
    Outgoing out;
    out.add("result");
    std::uint32_t accepted = 7;
    const auto gone = produce(producer, out, accepted);
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == ErrorCode::retry);
    CHECK(accepted == 0);
    CHECK(rig.reports.all.empty());

    rig.put_new({"new"});
    rig.reports.all.clear();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (accepted == 0 && std::chrono::steady_clock::now() < deadline) {
        if (const auto done = produce(producer, out, accepted); !done)
            CHECK(done.error().code == ErrorCode::retry);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    REQUIRE(accepted == 1);
    CHECK(rig.reports.all.size() == 1);
    CHECK(rig.sql("SELECT group_concat(queue || ':' || body) FROM volley_messages") == "in:new,out:result");
}

TEST_CASE("a transaction over messages of the old file changes nothing in the new one", "[sqlite]") {
    ReplacedRig rig;
    auto consumer = rig.consumer("in");
    auto producer = rig.producer("out");
    rig.put_new({"old"});
    auto acks = acks_of(take_all(consumer, 1));
    const AtomicCommit commit(producer);
    Outgoing out;
    out.add("result");
    rig.move_away();
    CHECK(commit(consumer, out, acks) == VOLLEY_E_RETRY);
    rig.put_new({"new"});

    std::int32_t status = VOLLEY_E_RETRY;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (status == VOLLEY_E_RETRY && std::chrono::steady_clock::now() < deadline) {
        status = commit(consumer, out, acks);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    CHECK(status == VOLLEY_E_LOST);
    CHECK(acks[0].result == VOLLEY_E_LOST);
    settle(consumer, take_all(consumer, 1), VOLLEY_NACK);
    CHECK(rig.sql("SELECT group_concat(queue || ':' || body) FROM volley_messages") == "in:new");
}

TEST_CASE("a database that is broken needs a person", "[sqlite]") {
    SqliteRig rig;
    {
        auto producer = rig.producer("q");
        Outgoing out;
        for (int i = 0; i < 50; ++i) out.add(std::string(3000, 'x'));
        REQUIRE(send(producer, out) == 50);
        REQUIRE(producer.close(1000));
    }
    rig.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    {
        std::fstream file(rig.path / "volley.db", std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(4096 * 2);
        file << std::string(200'000, '\x7f');
    }
    auto made = rig.create_consumer("q");
    REQUIRE(made);
    auto outcome = made->open();
    Room room(16);
    if (outcome) {
        const auto consumed = made->consume(room.batch, 0);
        REQUIRE_FALSE(consumed);
        CHECK(consumed.error().code == ErrorCode::config);
    } else {
        CHECK(outcome.error().code == ErrorCode::config);
    }
}
