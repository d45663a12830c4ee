// What a line is, what waits, and what is remembered.
#include "folder.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("each line is a message; CR LF, a byte order mark and empty lines are not part of one", "[file]") {
    FileRig rig;
    rig.write("in", "\xEF\xBB\xBFone\r\n\n\r\ntwo\nthree \r\r\n");
    auto consumer = rig.consumer("in");
    const Lines got = read_lines(consumer);
    CHECK(got.bodies == Bodies{"one", "two", "three \r"});
    CHECK(got.offsets == std::vector<std::int64_t>{7, 14, 23});
}

TEST_CASE("a line is a message once its newline is there", "[file]") {
    FileRig rig;
    rig.write("in", "{\"a\": ");
    auto consumer = rig.consumer("in");
    CHECK(read_lines(consumer).bodies.empty());
    rig.append("in", "1}");
    CHECK(read_lines(consumer, 10, 150).bodies.empty());
    rig.append("in", "\nnext");
    CHECK(read_until(consumer, 1).bodies == Bodies{"{\"a\": 1}"});
}

TEST_CASE("without follow the input ends at the end of the file, with or without a newline", "[file]") {
    FileRig rig;
    rig.write("in", "one\ntwo");
    auto consumer = rig.consumer("in", R"({"follow": false})");
    CHECK(read_lines(consumer).bodies == Bodies{"one"});
    const Lines last = read_lines(consumer);
    CHECK(last.bodies == Bodies{"two"});
    CHECK(last.status == VOLLEY_END);
}

TEST_CASE("lines of any length up to the limit arrive, across pages; a longer one is cut off", "[file]") {
    FileRig rig;
    const std::string fits(300'000, 'x'), longer(3'000'000, 'y');
    rig.write("in", fits + "\n" + longer + "\nafter\n" + fits + "\n" + fits + "z\nlast\n");
    auto consumer = rig.consumer("in", R"({"max_line_bytes": 300000})");
    Lines all;
    while (all.bodies.size() < 6) {
        const Lines some = read_lines(consumer);
        if (some.bodies.empty()) break;
        all.bodies.insert(all.bodies.end(), some.bodies.begin(), some.bodies.end());
        all.offsets.insert(all.offsets.end(), some.offsets.begin(), some.offsets.end());
        all.flags.insert(all.flags.end(), some.flags.begin(), some.flags.end());
    }
    REQUIRE(all.bodies.size() == 6);
    CHECK(all.bodies[0] == fits);
    CHECK(all.bodies[1] == longer.substr(0, 16 * 1024));
    CHECK(all.bodies[2] == "after");
    CHECK(all.bodies[3] == fits);
    CHECK(all.bodies[4] == fits.substr(0, 16 * 1024));
    CHECK(all.bodies[5] == "last");
    using Flags = std::vector<std::uint32_t>;
    const std::uint32_t cut = VOLLEY_MESSAGE_CUT_OFF;
    CHECK(all.flags == Flags{0, cut, 0, 0, cut, 0});
    CHECK(all.offsets[1] == 300'001 + 3'000'000);
    CHECK(all.offsets[2] == all.offsets[1] + 6);
}

TEST_CASE("bodies stay as they are while their messages are open", "[file]") {
    FileRig rig;
    auto consumer = rig.consumer("in");
    std::vector<Room> rooms;
    for (int i = 0; i < 40; ++i) {
        rig.append("in", std::string(100'000, static_cast<char>('a' + i % 26)) + "\n");
        auto& room = rooms.emplace_back(1);
        REQUIRE(consumer.consume(room.batch, 5000));
        REQUIRE(room.batch.count == 1);
    }
    for (int i = 0; i < 40; ++i) {
        const auto got = rooms[static_cast<std::size_t>(i)].received();
        CHECK(got[0].body == std::string(100'000, static_cast<char>('a' + i % 26)));
        settle(consumer, got, VOLLEY_ACK);
    }
}

TEST_CASE("reading goes on at what was committed, and at nothing else", "[file]") {
    FileRig rig;
    rig.write("in", "one\ntwo\nthree\n");
    {
        auto consumer = rig.consumer("in");
        const Lines got = read_lines(consumer);
        REQUIRE(got.bodies.size() == 3);
        commit(consumer, got.offsets[0]);
        REQUIRE(consumer.close(1000));
    }
    {
        auto consumer = rig.consumer("in");
        const Lines got = read_lines(consumer);
        CHECK(got.bodies == Bodies{"two", "three"});
        CHECK(got.offsets == std::vector<std::int64_t>{7, 13});
        commit(consumer, got.offsets[1]);
    }
    auto consumer = rig.consumer("in");
    CHECK(read_lines(consumer).bodies.empty());
}

TEST_CASE("start: end reads what comes, from the next line on", "[file]") {
    FileRig rig;
    rig.write("in", "old\nunfinished");
    auto consumer = rig.consumer("in", R"({"start": "end"})");
    CHECK(read_lines(consumer).bodies.empty());
    rig.append("in", " line\nnew\n");
    CHECK(read_until(consumer, 2).bodies == Bodies{"unfinished line", "new"});
}

TEST_CASE("a file that is not there yet is waited for", "[file]") {
    FileRig rig;
    auto consumer = rig.consumer("in");
    CHECK(read_lines(consumer).bodies.empty());
    rig.write("in", "one\n");
    CHECK(read_until(consumer, 1).bodies == Bodies{"one"});
}

TEST_CASE("two processes do not read as one component, and a position file is never another program's",
          "[file]") {
    FileRig rig;
    rig.write("in", "one\n");
    {
        auto first = rig.consumer("in");
        REQUIRE(read_lines(first).bodies.size() == 1);
        auto second = rig.consumer("in");
        Room room(1);
        const auto got = second.consume(room.batch, 0);
        REQUIRE_FALSE(got);
        CHECK(got.error().code == ErrorCode::retry);
        CHECK(got.error().text.find("another process reads") != std::string::npos);
        REQUIRE(first.close(1000));
        CHECK(read_lines(second).bodies == Bodies{"one"});
    }
    rig.write("diary", "dear diary\n");
    auto wrong = rig.consumer("in", R"({"position_file": "diary"})");
    Room room(1);
    const auto got = wrong.consume(room.batch, 0);
    REQUIRE_FALSE(got);
    CHECK(got.error().code == ErrorCode::config);
    CHECK(rig.read("diary") == "dear diary\n");
}

TEST_CASE("stats count what waits, and peek shows it without taking it", "[file]") {
    FileRig rig;
    rig.write("in", "one\ntwo\nthree\nhal");
    auto consumer = rig.consumer("in");
    const auto* inspect = static_cast<const volley_ext_inspect*>(consumer.extension(VOLLEY_EXT_INSPECT));
    REQUIRE(inspect != nullptr);
    const auto ready = [&] {
        volley_stats stats{};
        stats.struct_size = sizeof stats;
        REQUIRE(inspect->stats(consumer.get(), &stats, nullptr) == VOLLEY_OK);
        return stats.ready;
    };
    CHECK(ready() == 3);
    Room room(10);
    REQUIRE(inspect->peek(consumer.get(), &room.batch, 1, nullptr) == VOLLEY_OK);
    CHECK(bodies(room.received()) == Bodies{"two", "three"});
    CHECK_FALSE(std::filesystem::exists(rig.path / "in.test.position"));
    CHECK(read_lines(consumer, 1).bodies == Bodies{"one"});
    CHECK(ready() == 2);
    CHECK(read_lines(consumer).bodies.size() == 2);
    CHECK(ready() == 0);
}

TEST_CASE("a folder in the place of the file is a mistake of the configuration", "[file]") {
    FileRig rig;
    std::filesystem::create_directory(rig.path / "in");
    auto made = rig.create_consumer("in");
    REQUIRE(made);
    const auto opened = made->open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::config);
}
