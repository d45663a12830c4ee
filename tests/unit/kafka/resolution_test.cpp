// What resolution records say, and which offsets they settle.
#include "resolution.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <set>

using namespace volley::kafka;

TEST_CASE("a place and a resolution are read as they are written", "[kafka]") {
    CHECK(to_text(Place{"dead.letters-1", 2, 30}) == "dead.letters-1/2/30");
    const auto place = read_place("dead.letters-1/2/30");
    REQUIRE(place);
    CHECK((place->topic == "dead.letters-1" && place->partition == 2 && place->offset == 30));
    for (const char* wrong :
         {"", "t", "t/1", "t/1/", "t//1", "/1/1", "t/1/1/", "t/-1/1", "t/1/1-2", "t/x/1", "t/99999999999/1"})
        CHECK_FALSE(read_place(wrong));

    CHECK(to_text(Resolution{{"t", 0, 7}, 7}) == "t/0/7");
    CHECK(to_text(Resolution{{"t", 0, 7}, 12}) == "t/0/7-12");
    CHECK(read_resolution("t/0/7")->last == 7);
    CHECK(read_resolution("t/0/7-12")->last == 12);
    for (const char* wrong : {"t/0/7-", "t/0/7-x", "t/0/7-12-", "t/0/7--12"})
        CHECK_FALSE(read_resolution(wrong));
}

TEST_CASE("only a record of the one header whose value is its key is a resolution", "[kafka]") {
    const volley_header headers[] = {{volley_text("volley-resolves"), volley_text("t/0/7")},
                                     {volley_text("volley-reason"), volley_text("schema")}};
    volley_message message{};
    message.key = volley_text("t/0/7");
    message.headers = headers;
    message.header_count = 1;
    CHECK(is_resolution(message));
    message.header_count = 2;  // a dead letter of a message that pretended
    CHECK_FALSE(is_resolution(message));
    message.header_count = 1;
    message.key = volley_text("t/0/8");
    CHECK_FALSE(is_resolution(message));
    message.key = {};
    CHECK_FALSE(is_resolution(message));
}

TEST_CASE("intervals of offsets hold what was added, whatever the order", "[kafka]") {
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
