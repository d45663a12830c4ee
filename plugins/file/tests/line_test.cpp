#include "line.hpp"

#include <catch2/catch.hpp>

using volley::file::append_line;
using volley::file::is_whole_json;

TEST_CASE("a body without newlines is written as it is", "[file]") {
    std::string out;
    CHECK(append_line("{\"a\":  1.10}", out) == nullptr);
    CHECK(append_line("no json \r inside", out) == nullptr);
    CHECK(out == "{\"a\":  1.10}\nno json \r inside\n");
}

TEST_CASE("JSON with newlines loses the white space outside of its strings, and nothing else", "[file]") {
    std::string out;
    CHECK(append_line("{\n  \"a b\": [1.10,\t1e400 ,\r\n \"\\n \\\" \\u0000\"]\n}\n", out) == nullptr);
    CHECK(out == "{\"a b\":[1.10,1e400,\"\\n \\\" \\u0000\"]}\n");
}

TEST_CASE("what cannot be one line is refused, and nothing of it is written", "[file]") {
    std::string out;
    CHECK(append_line("two\nlines", out) != nullptr);
    CHECK(append_line("ends with CR\r", out) != nullptr);
    CHECK(append_line("", out) != nullptr);
    CHECK(append_line("{\"raw\nnewline\": 1}", out) != nullptr);
    CHECK(append_line(std::string("{\n}\0junk", 8), out) != nullptr);
    CHECK(append_line("\"\xff\n\"", out) != nullptr);
    CHECK(out.empty());
}

TEST_CASE("what is JSON and what is not", "[file]") {
    for (const char* good :
         {"1\n", "-0.5e+10\n", "\"\\u00e4\"\n", "[]\n", "{}\n", "[1,{\"a\":[null,true,false]}]\n", "\n 0"}) {
        std::string out;
        INFO(good);
        CHECK(append_line(good, out) == nullptr);
    }
    for (const char* bad : {"\n",        "01\n",         "1.\n",     "-\n",  "1e\n", "+1\n", "[1,]\n",
                            "{\"a\"}\n", "{\"a\":1,}\n", "{a:1}\n",  "[1\n", "1]\n", "1\n2", "tru\n",
                            "\"\\x\"\n", "\"\\u12\"\n",  "\"open\n", "[}\n", "{]\n", "NaN\n"}) {
        std::string out;
        INFO(bad);
        CHECK(append_line(bad, out) != nullptr);
        CHECK(out.empty());
    }
}

TEST_CASE("depth costs no stack", "[file]") {
    std::string out;
    const std::string deep = std::string(1'000'000, '[') + "\n" + std::string(1'000'000, ']');
    CHECK(append_line(deep, out) == nullptr);
    CHECK(out.size() == 2'000'001);
}

TEST_CASE("a whole object or array is told from a torn one", "[file]") {
    CHECK(is_whole_json("{\"a\":1}"));
    CHECK(is_whole_json("[1,2]"));
    CHECK_FALSE(is_whole_json("{\"a\":1"));
    CHECK_FALSE(is_whole_json("12"));  // of 123?
    CHECK_FALSE(is_whole_json(""));
}
