// The report of `volley test`: values as text, and both sides beside each other.
#include <catch2/catch.hpp>

#include "testing/junit.hpp"
#include "testing/shown.hpp"
#include "testing/side_by_side.hpp"

using namespace volley::cli::testing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

TEST_CASE("durations are written as in a test file", "[cli]") {
    CHECK(shown(0ms) == "0ms");
    CHECK(shown(100ms) == "100ms");
    CHECK(shown(1500ms) == "1.5s");
    CHECK(shown(90s) == "90s");
    CHECK(shown(10min) == "10m");
    CHECK(shown(Millis(2h)) == "2h");
    CHECK(shown(std::vector<Millis>{1s, 2s}) == "after 1s, then after 2s");
}

TEST_CASE("bodies are shown as indented JSON, text or base64", "[cli]") {
    using Lines = std::vector<std::string>;
    CHECK(body_lines(R"({"b":[1,{}],"a":1.10})") ==
          Lines{"{", R"(  "a": 1.10,)", R"(  "b": [)", "    1,", "    {}", "  ]", "}"});
    CHECK(body_lines("one\ntwo\x1b") == Lines{"one", "two\\u001b"});
    CHECK(body_lines("\xff").front() == "(bytes, in base64) /w==");
    CHECK(body_lines(std::nullopt).front() == "(no body: a tombstone)");
    CHECK(body_lines("").front().empty());
    const std::string deep(100'000, '[');
    CHECK(body_lines(deep).front() == deep);
}

TEST_CASE("lines that differ are marked, and equal ones stand beside each other", "[cli]") {
    const Difference difference{
        {"a.yml", 3, 5, {}}, "output 1", {"{", "  1", "  2", "}"}, {"{", "  2", "  3", "}", "more"}};
    CHECK(render(difference, false) ==
          "  a.yml:3:5: output 1\n"
          "    expected   got\n"
          "    {          {\n"
          "      1      <\n"
          "      2          2\n"
          "             >   3\n"
          "    }          }\n"
          "             > more\n");
    CHECK_THAT(render(difference, true), Contains("\x1b[31m"));
    CHECK_THAT(render({{}, "\x1b[2J", {"\x1b"}, {"\xc2\x9b"}}, false), !Contains("\x1b"));
}

TEST_CASE("JUnit's XML has no characters that XML does not allow", "[cli]") {
    const std::string xml =
        to_junit({{"a<b>.yml", "\"x\" & \x01", false, false, "one\ntwo\x1b\xff", "log", 0.5}});
    CHECK_THAT(xml, Contains("name=\"&quot;x&quot; &amp; ?\""));
    CHECK_THAT(xml, Contains("classname=\"a&lt;b&gt;.yml\""));
    CHECK_THAT(xml, Contains("<failure message=\"one\">one\ntwo?\?</failure>"));
    CHECK_THAT(xml, Contains("time=\"0.500\""));
}
