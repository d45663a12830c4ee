// What is written, what is reported, and what a crash leaves.
#include "folder.hpp"

using namespace volley;
using namespace volley::test;

namespace {

std::vector<std::string> finished(const FileRig& rig, const std::string& name) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(rig.path)) {
        const std::string found = entry.path().filename().string();
        if (found.rfind(name + "-", 0) == 0) names.push_back(found);
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

TEST_CASE("one line a record, and a report for each", "[file]") {
    FileRig rig;
    rig.write("out", "before\n");
    auto producer = rig.producer("out", GENERATE(as<std::string>(), "{}", R"({"fsync": "never"})"));
    send(producer, {"a", "{\n\"b\": 1\n}", "c\nd", "e"});
    CHECK(rig.read("out") == "before\na\n{\"b\":1}\ne\n");
    CHECK(rig.statuses() == Statuses{VOLLEY_OK, VOLLEY_OK, VOLLEY_E_PERMANENT, VOLLEY_OK});
}

TEST_CASE("fsync: interval reports after the interval, and at the end at once", "[file]") {
    FileRig rig;
    auto producer = rig.producer("out", R"({"fsync": "interval", "fsync_interval_ms": 10000})");
    send(producer, {"a", "b"});
    REQUIRE(producer.poll(0));
    CHECK(rig.statuses().empty());
    REQUIRE(producer.close(1000));
    CHECK(rig.statuses() == Statuses{VOLLEY_OK, VOLLEY_OK});
}

TEST_CASE("a full disk: nothing is accepted, no part of a line stays, and it goes on when there is room",
          "[file]") {
    FileRig rig;
    auto producer = rig.producer("out");
    send(producer, {"first"});
    Outgoing out;
    out.add(std::string(100, 'x'));
    out.add(std::string(100, 'y'));
    std::uint32_t accepted = 0;
    {
        const FullDisk full(50);
        const auto sent = producer.produce(out.records.data(), 2, accepted);
        REQUIRE_FALSE(sent);
        CHECK(sent.error().code == ErrorCode::retry);
        CHECK(sent.error().text.find("out") != std::string::npos);
    }
    CHECK(accepted == 0);
    CHECK(rig.read("out") == "first\n");
    CHECK(send(producer, out) == 2);
    CHECK(rig.read("out") == "first\n" + std::string(100, 'x') + "\n" + std::string(100, 'y') + "\n");
}

TEST_CASE("a removed folder is waited for; a removed file is made anew", "[file]") {
    FileRig rig;
    std::filesystem::create_directory(rig.path / "logs");
    auto producer = rig.producer("logs/out");
    send(producer, {"a"});
    std::filesystem::remove(rig.path / "logs/out");
    send(producer, {"b"});
    CHECK(rig.read("logs/out") == "b\n");
    std::filesystem::remove_all(rig.path / "logs");
    Outgoing out;
    out.add("c");
    std::uint32_t accepted = 0;
    const auto sent = producer.produce(out.records.data(), 1, accepted);
    REQUIRE_FALSE(sent);
    CHECK(sent.error().code == ErrorCode::retry);
    CHECK(sent.error().text.find("No such file or directory") != std::string::npos);
    std::filesystem::create_directory(rig.path / "logs");
    CHECK(send(producer, out) == 1);
    CHECK(rig.read("logs/out") == "c\n");
}

TEST_CASE("a file that another program renamed is followed by a new one", "[file]") {
    FileRig rig;
    auto producer = rig.producer("out");
    send(producer, {"a"});
    rig.rename("out", "out.1");
    send(producer, {"b"});
    CHECK(rig.read("out.1") == "a\n");
    CHECK(rig.read("out") == "b\n");
}

TEST_CASE("the last line that a killed process left unfinished is cut off and kept beside", "[file]") {
    FileRig rig;
    rig.write("out", "whole\n{\"torn\": ");
    auto producer = rig.producer("out");
    send(producer, {"next"});
    CHECK(rig.read("out") == "whole\nnext\n");
    CHECK(rig.read("out.torn") == "{\"torn\": \n");
}

TEST_CASE("a last line that is whole JSON only lacked its newline", "[file]") {
    FileRig rig;
    rig.write("out", "{\"a\":1}");
    auto producer = rig.producer("out");
    send(producer, {"next"});
    CHECK(rig.read("out") == "{\"a\":1}\nnext\n");
}

TEST_CASE("rotation by size: no file is larger, no line is divided, none is overwritten", "[file]") {
    FileRig rig;
    auto producer = rig.producer("out", R"({"rotate_bytes": 20})");
    send(producer, {"aaaaaaaa", "bbbbbbbb", "cccccccc", std::string(30, 'd'), "e"});
    const auto names = finished(rig, "out");
    REQUIRE(names.size() == 3);
    std::string all;
    for (const auto& name : names) all += rig.read(name);
    CHECK(all + rig.read("out") == "aaaaaaaa\nbbbbbbbb\ncccccccc\n" + std::string(30, 'd') + "\ne\n");
    CHECK(rig.statuses() == Statuses(5, VOLLEY_OK));
}

TEST_CASE("part_suffix: a finished file appears whole, at a rotation and at the end", "[file]") {
    FileRig rig;
    {
        auto producer = rig.producer("out", R"({"rotate_bytes": 4, "part_suffix": ".part"})");
        send(producer, {"aa", "bb"});
        CHECK(finished(rig, "out").size() == 1);
        CHECK(rig.read("out.part") == "bb\n");
        REQUIRE(producer.close(1000));
    }
    const auto names = finished(rig, "out");
    REQUIRE(names.size() == 2);
    CHECK(rig.read(names[0]) + rig.read(names[1]) == "aa\nbb\n");
    CHECK_FALSE(std::filesystem::exists(rig.path / "out.part"));
}

TEST_CASE("producers of one process share a file, and other settings for it are a mistake", "[file]") {
    FileRig rig;
    auto a = rig.producer("out"), b = rig.producer("out");
    send(a, {"1"});
    send(b, {"2"});
    send(a, {"3"});
    CHECK(rig.read("out") == "1\n2\n3\n");
    auto c = rig.create_producer("out", R"({"fsync": "never"})");
    REQUIRE(c);
    const auto opened = c->open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::config);
}

TEST_CASE("no such folder is a mistake of the configuration when the producer opens", "[file]") {
    FileRig rig;
    auto made = rig.create_producer("missing/out");
    REQUIRE(made);
    const auto opened = made->open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::config);
}
