// The text form of resolutions, and the offsets that they settle.
#include "resolution.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <set>

using namespace volley::kafka;

TEST_CASE("record IDs and resolutions have a text form that can be parsed", "[kafka]") {
    CHECK(to_text(RecordId{"dead.letters-1", 2, 30}) == "dead.letters-1/2/30");
    const auto id = parse_record_id("dead.letters-1/2/30");
    REQUIRE(id);
    CHECK((id->topic == "dead.letters-1" && id->partition == 2 && id->offset == 30));
    for (const char* wrong :
         {"", "t", "t/1", "t/1/", "t//1", "/1/1", "t/1/1/", "t/-1/1", "t/1/1-2", "t/x/1", "t/99999999999/1"})
        CHECK_FALSE(parse_record_id(wrong));

    CHECK(to_text(Resolution{{"t", 0, 7}, 7}) == "t/0/7");
    CHECK(to_text(Resolution{{"t", 0, 7}, 12}) == "t/0/7-12");
    CHECK(parse_resolution("t/0/7")->last == 7);
    CHECK(parse_resolution("t/0/7-12")->last == 12);
    for (const char* wrong : {"t/0/7-", "t/0/7-x", "t/0/7-12-", "t/0/7--12"})
        CHECK_FALSE(parse_resolution(wrong));
}

TEST_CASE("a resolution has exactly one header, whose value is the key", "[kafka]") {
    const volley_header headers[] = {{volley_text("volley-resolves"), volley_text("t/0/7")},
                                     {volley_text("volley-reason"), volley_text("schema")}};
    volley_message message{};
    message.key = volley_text("t/0/7");
    message.headers = headers;
    message.header_count = 1;
    CHECK(is_resolution(message));
    message.header_count = 2;  // a dead letter of a message that looked like a resolution
    CHECK_FALSE(is_resolution(message));
    message.header_count = 1;
    message.key = volley_text("t/0/8");
    CHECK_FALSE(is_resolution(message));
    message.key = {};
    CHECK_FALSE(is_resolution(message));
}

TEST_CASE("a set of offsets contains what was added in any order", "[kafka]") {
    std::mt19937 random(5);
    const auto below = [&](std::int64_t limit) {
        return static_cast<std::int64_t>(random() % static_cast<unsigned>(limit));
    };
    for (int round = 0; round < 200; ++round) {
        Offsets offsets;
        std::set<std::int64_t> model;
        for (int i = 0; i < 30; ++i) {
            const std::int64_t first = below(100);
            const std::int64_t last = first + below(8) - 1;
            offsets.add(first, last);
            for (std::int64_t offset = first; offset <= last; ++offset) model.insert(offset);
        }
        for (std::int64_t offset = -1; offset < 110; ++offset)
            REQUIRE(offsets.has(offset) == (model.count(offset) != 0));
    }
}
