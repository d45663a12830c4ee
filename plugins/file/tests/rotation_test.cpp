// What becomes of lines when a file is renamed, copied and truncated, deleted or replaced.
#include "folder.hpp"
#include "rotated.hpp"

using namespace volley;
using namespace volley::test;

namespace {

const char* const at_once = R"({"rotate_wait_ms": 0})";

void truncate(const FileRig& rig, const std::string& name) {
    std::filesystem::resize_file(rig.path / name, 0);
}

}  // namespace

TEST_CASE("what looks like a rotated file", "[file]") {
    using file::is_rotated_name;
    CHECK(is_rotated_name("app.log", "app.log.1"));
    CHECK(is_rotated_name("app.log", "app.log-20240131"));
    CHECK(is_rotated_name("app.log", "app.log-20240131T235959.123Z-2"));
    CHECK_FALSE(is_rotated_name("app.log", "app.log"));
    CHECK_FALSE(is_rotated_name("app.log", "app.log.1.gz"));
    CHECK_FALSE(is_rotated_name("app.log", "app.log.app.position"));
    CHECK_FALSE(is_rotated_name("app.log", "app.log.torn"));
    CHECK_FALSE(is_rotated_name("app.log", "app.log2"));
    CHECK_FALSE(is_rotated_name("app.log", "app.log-T"));
}

TEST_CASE("a renamed file is read to its end before the new one, and offsets grow", "[file]") {
    FileRig rig;
    rig.write("in", "one\n");
    auto consumer = rig.consumer("in", at_once);
    REQUIRE(read_lines(consumer).bodies == Bodies{"one"});
    rig.append("in", "two\n");
    rig.rename("in", "in.1");
    rig.append("in.1", "three\n");
    rig.write("in", "four\n");
    const Lines got = read_until(consumer, 3);
    CHECK(got.bodies == Bodies{"two", "three", "four"});
    CHECK(got.offsets == std::vector<std::int64_t>{7, 13, 18});
}

TEST_CASE("a writer that still has the renamed file open is waited for", "[file]") {
    FileRig rig;
    rig.write("in", "one\n");
    auto consumer = rig.consumer("in", R"({"rotate_wait_ms": 600000})");
    REQUIRE(read_lines(consumer).bodies.size() == 1);
    rig.rename("in", "in.1");
    rig.write("in", "new\n");
    CHECK(read_lines(consumer, 10, 200).bodies.empty());
    rig.append("in.1", "late\n");
    CHECK(read_until(consumer, 1).bodies == Bodies{"late"});
}

TEST_CASE("a commit in an old file survives a restart after the rotation", "[file]") {
    FileRig rig;
    rig.write("in", "one\ntwo\n");
    {
        auto consumer = rig.consumer("in", at_once);
        const Lines first = read_lines(consumer);
        rig.rename("in", "in.1");
        rig.write("in", "three\n");
        REQUIRE(read_until(consumer, 1).bodies == Bodies{"three"});
        commit(consumer, first.offsets[0]);
    }
    {
        auto consumer = rig.consumer("in", at_once);
        const Lines got = read_until(consumer, 2);
        CHECK(got.bodies == Bodies{"two", "three"});
        commit(consumer, got.offsets[1]);
    }
    auto consumer = rig.consumer("in", at_once);
    CHECK(read_lines(consumer, 10, 150).bodies.empty());
}

TEST_CASE("several rotations while nothing ran: every file is read, in order", "[file]") {
    FileRig rig;
    rig.write("in", "one\ntwo\n");
    {
        auto consumer = rig.consumer("in", at_once);
        commit(consumer, read_lines(consumer, 1).offsets[0]);
    }
    rig.append("in", "three\n");
    rig.rename("in", "in.1");
    rig.write("in", "four\n");
    rig.rename("in.1", "in.2");
    rig.rename("in", "in.1");
    rig.write("in", "five\n");
    auto consumer = rig.consumer("in", at_once);
    CHECK(read_until(consumer, 4).bodies == Bodies{"two", "three", "four", "five"});
}

TEST_CASE("copy and truncate: the rest is read from the copy, then the file from its beginning", "[file]") {
    FileRig rig;
    rig.write("in", "one\ntwo\n");
    const bool is_running = GENERATE(true, false);
    auto consumer = std::make_optional(rig.consumer("in", at_once));
    commit(*consumer, read_lines(*consumer, 1).offsets[0]);
    if (!is_running) consumer.reset();
    rig.append("in", "three\n");
    std::filesystem::copy_file(rig.path / "in", rig.path / "in.1");
    truncate(rig, "in");
    rig.append("in", "4\n");
    if (!is_running) consumer.emplace(rig.consumer("in", at_once));
    const Lines got = read_until(*consumer, 3);
    CHECK(got.bodies == Bodies{"two", "three", "4"});
    CHECK(std::is_sorted(got.offsets.begin(), got.offsets.end()));
}

TEST_CASE("a truncated file is read from its beginning, also if it has outgrown the position", "[file]") {
    FileRig rig;
    rig.write("in", "one\n");
    auto consumer = rig.consumer("in");
    REQUIRE(read_lines(consumer).bodies.size() == 1);
    truncate(rig, "in");
    rig.append("in", "another\nbeginning\n");
    const Lines got = read_until(consumer, 2);
    CHECK(got.bodies == Bodies{"another", "beginning"});
    CHECK(got.offsets[0] == 4 + 7);
}

TEST_CASE("another file under the same name does not continue at the old position", "[file]") {
    FileRig rig;
    rig.write("in", "one\ntwo\n");
    {
        auto consumer = rig.consumer("in");
        commit(consumer, read_lines(consumer).offsets[1]);
    }
    std::filesystem::remove(rig.path / "in");
    rig.write("in", "ONE\nTWO\nTHREE\n");
    auto consumer = rig.consumer("in");
    const Lines got = read_lines(consumer);
    CHECK(got.bodies == Bodies{"ONE", "TWO", "THREE"});
    CHECK(got.offsets[0] == 8 + 3);  // no message of the old file has this name
}

TEST_CASE("a producer that cuts off an unfinished line does not make the reader begin anew", "[file]") {
    FileRig rig;
    rig.write("in", "one\n{\"torn\"");
    auto consumer = rig.consumer("in");
    REQUIRE(read_lines(consumer).bodies == Bodies{"one"});
    REQUIRE(read_lines(consumer, 10, 50).bodies.empty());
    std::filesystem::resize_file(rig.path / "in", 4);
    rig.append("in", "{\"whole\": 1}\n");
    CHECK(read_until(consumer, 1).bodies == Bodies{"{\"whole\": 1}"});
}

TEST_CASE("a deleted file is read to its end, and a new one from its beginning", "[file]") {
    FileRig rig;
    rig.write("in", "one\n");
    auto consumer = rig.consumer("in", at_once);
    REQUIRE(read_lines(consumer, 1).bodies == Bodies{"one"});
    rig.append("in", "two\n");
    std::filesystem::remove(rig.path / "in");
    CHECK(read_until(consumer, 1).bodies == Bodies{"two"});
    rig.write("in", "three\n");
    CHECK(read_until(consumer, 1).bodies == Bodies{"three"});
}
