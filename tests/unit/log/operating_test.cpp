// What operators do with the log.
#include "log/operating.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace volley;

TEST_CASE("levels have names", "[log]") {
    for (const char* name : {"trace", "debug", "info", "warning", "error", "off"}) {
        const auto level = log::level_named(name);
        REQUIRE(level);
        CHECK(log::name_of(*level) == std::string(name));
    }
    CHECK_FALSE(log::level_named("Info"));
    CHECK_FALSE(log::level_named(""));
}

TEST_CASE("the last warnings and errors are kept, escaped and bounded", "[log]") {
    log::set_level(log::Level::warning);
    for (int i = 0; i < 60; ++i) log::warning("number " + std::to_string(i));
    log::info("not written, not kept");
    log::error("the end", {{"cause", "two\nlines"}});
    const auto lines = log::recent();
    REQUIRE(lines.size() == 50);
    CHECK(lines.front().text == "number 11");
    CHECK(lines.back().level == log::Level::error);
    CHECK(lines.back().text == "the end  cause=two\\nlines");
    CHECK(lines.back().seconds > 1'700'000'000);
    log::set_level(log::Level::info);
}
