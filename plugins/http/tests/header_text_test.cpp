#include "header_text.hpp"

#include <catch2/catch.hpp>

#include "answer.hpp"
#include "volley/plugin.h"

using namespace volley::http;

TEST_CASE("any bytes come through a header as they were", "[http]") {
    std::string all;
    for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
    for (const std::string& text :
         {all, std::string(" edges "), std::string("100%"), std::string("%41"), std::string()}) {
        CHECK(from_header(to_header_value(text)) == text);
        CHECK(from_header(to_header_name(text)) == text);
    }
    CHECK(to_header_value("a b") == "a b");
    CHECK(to_header_value("a\r\nX: y") == "a%0D%0AX: y");
    CHECK(to_header_name("a b:c") == "a%20b%3Ac");
    CHECK(from_header("50% of %zz %4") == "50% of %zz %4");
}

TEST_CASE("tokens are compared as a whole", "[http]") {
    CHECK(is_same_secret("abc", "abc"));
    CHECK_FALSE(is_same_secret("abd", "abc"));
    CHECK_FALSE(is_same_secret("", "abc"));
    CHECK_FALSE(is_same_secret("abcabc", "abc"));
    CHECK_FALSE(is_same_secret("ab", "abc"));
    CHECK_FALSE(is_same_secret("x", ""));
}

TEST_CASE("an answer is JSON, whatever the text is", "[http]") {
    CHECK(answer_body("failed", "schema", "a \"b\"\n\x01") ==
          "{\"status\":\"failed\",\"reason\":\"schema\",\"error\":\"a \\\"b\\\"\\u000a\\u0001\"}\n");
    CHECK(answer_body("ok", "", "") == "{\"status\":\"ok\"}\n");
    CHECK(answer_body("x", "", "\xff") == "{\"status\":\"x\",\"error\":\"?\"}\n");
    CHECK(failed(VOLLEY_REASON_SCHEMA, "").status == 422);
    CHECK(failed(VOLLEY_REASON_TOO_LARGE, "").status == 413);
    const std::string response = to_response(unavailable(7, "no"), false);
    CHECK(response.find("Retry-After: 7\r\n") != std::string::npos);
    CHECK(response.find("Connection: close\r\n") != std::string::npos);
}
