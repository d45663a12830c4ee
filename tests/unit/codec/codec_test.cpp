#include "codec/codec.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "codec/json.hpp"
#include "codec/msgpack.hpp"
#include "codec/schema.hpp"
#include "volley/plugin.h"

using namespace volley;

namespace {

std::optional<std::string> violation(const std::string& schema, const std::string& json) {
    const auto compiled = codec::Schema::compile(schema, "test");
    REQUIRE(compiled);
    rapidjson::Document document;
    REQUIRE_FALSE(codec::parse_json(json, document));
    return (*compiled)->violation(document);
}

std::string there_and_back(const std::string& json) {
    rapidjson::Document document;
    REQUIRE_FALSE(codec::parse_json(json, document));
    std::string bytes;
    std::string back;
    codec::json_to_msgpack(document, bytes);
    REQUIRE_FALSE(codec::msgpack_to_json(bytes, back));
    return back;
}

std::optional<std::string> refused(const std::string& bytes) {
    std::string json;
    return codec::msgpack_to_json(bytes, json);
}

}  // namespace

TEST_CASE("a pattern is matched up to 16 KiB, and a longer string is an error only where it applies") {
    const std::string schema =
        R"({"properties": {"id": {"pattern": "^(a|b)*$"}, "text": {"type": "string"}}})";
    const std::string megabyte(1 << 20, 'a');
    CHECK_FALSE(violation(schema, R"({"id": "ab", "text": ")" + megabyte + "\"}"));
    const auto told = violation(schema, R"({"id": ")" + megabyte + "\"}");
    REQUIRE(told);
    CHECK(*told == "/id: is 1048576 bytes long, and `pattern` is matched up to 16384");
    CHECK(violation(schema, R"({"id": "abc"})") == "/id: does not match the pattern ^(a|b)*$");
    CHECK_FALSE(violation(R"({"properties": {"pattern": {"type": "string"}}})",
                          R"({"pattern": ")" + megabyte + "\"}"));
    CHECK_FALSE(violation(R"({"const": {"pattern": "x"}})", R"({"pattern": "x"})"));
    CHECK(violation(R"({"propertyNames": {"pattern": "^a$"}})", R"({"b": 1})"));
    CHECK(violation(R"({"patternProperties": {"^a*$": {}}})", "{\"" + megabyte + "\": 1}"));
}

TEST_CASE("the longest string that a pattern is matched against fits the stack of a worker") {
    std::optional<std::string> told = "not run";
    std::thread([&] {
        told = violation(R"({"pattern": "^((a|b)|(c|d))*$"})", "\"" + std::string(16 * 1024, 'a') + "\"");
    }).join();
    CHECK_FALSE(told);
    std::thread([&] {
        told = violation(R"({"pattern": "^(a+)+$"})", "\"" + std::string(64, 'a') + "b\"");
    }).join();
    CHECK(told);  // a backtracking matcher would not end
}

TEST_CASE("a schema that cannot be used says why") {
    for (const char* schema :
         {R"({"type": "strin"})", R"({"pattern": "("})", R"({"pattern": "(a)\\1"})", R"({"pattern": 1})",
          R"({"patternProperties": {"a{2,1}": {}}})", R"({"minimum": "a"})", R"({"$ref": "#/nowhere"})",
          R"([1])", R"({"$schema": "https://json-schema.org/draft/2019-09/schema"})"}) {
        INFO(schema);
        const auto compiled = codec::Schema::compile(schema, "test");
        REQUIRE_FALSE(compiled);
        CHECK(compiled.error().text.find("schema test") == 0);
    }
}

TEST_CASE("what is no JSON is refused: NaN, bad UTF-8, zero bytes, depth, what follows") {
    for (const std::string& text :
         {std::string("NaN"), std::string("[Infinity]"), std::string("-Infinity"), std::string("\"\xff\""),
          std::string("\"\xed\xa0\x80\""), std::string("{}\0", 3), std::string("1 2"),
          std::string("{'a': 1}"), std::string("[1,]"), std::string("01"), std::string("1e999"),
          std::string(""), std::string("\"\n\""), std::string(65, '[') + std::string(65, ']')}) {
        INFO(text);
        CHECK(codec::check_json(text, nullptr));
    }
    CHECK_FALSE(codec::check_json(std::string(64, '[') + std::string(64, ']'), nullptr));
    CHECK(codec::check_json(std::string(1'000'000, '['), nullptr));
}

TEST_CASE(
    "numbers of any size are passed on as they came; keys that stand twice only where no schema looks") {
    const std::string body = R"({"n": 123456789012345678901234567890, "x": 0.10, "a": "one"})";
    const std::string twice = R"({"a": "one", "b": {"c": 1, "c": 2}})";
    SchemaConfig schema;
    schema.kind = SchemaConfig::Kind::json_schema;
    schema.text = R"({"properties": {"a": {"type": "string"}, "n": {"type": "number"}}})";
    const auto decoder = codec::Decoder::make(codec::Encoding::json, schema, {}, {});
    REQUIRE(decoder);
    std::string scratch;
    std::string_view out;
    CHECK_FALSE(decoder->decode(body, scratch, out, nullptr));
    CHECK(out == body);
    const auto failure = decoder->decode(twice, scratch, out, nullptr);
    REQUIRE(failure);
    CHECK(failure->reason == VOLLEY_REASON_DECODE);
    CHECK(failure->text == "no JSON that is accepted: the key \"c\" stands twice in one object");
    const auto plain = codec::Decoder::make(codec::Encoding::json, {}, {}, {});
    REQUIRE(plain);
    CHECK_FALSE(plain->decode(twice, scratch, out, nullptr));
    CHECK(out == twice);
}

TEST_CASE("MessagePack keeps numbers exactly, both ways") {
    for (const char* json :
         {"0", "-1", "18446744073709551615", "-9223372036854775808", "9007199254740993", "0.1", "1e300",
          "-2.5e-10", "null", "true", "\"a\"", "[1,2,[3]]", "{\"a\":{\"b\":[]}}", "\"\\u0000\""}) {
        INFO(json);
        CHECK(there_and_back(json) == (std::string(json) == "-2.5e-10" ? "-2.5e-10" : json));
    }
    std::string json;
    REQUIRE_FALSE(codec::msgpack_to_json(std::string("\xca\x3f\xc0\x00\x00", 5), json));  // float 32: 1.5
    CHECK(json == "1.5");
    REQUIRE_FALSE(codec::msgpack_to_json(std::string("\xcf\x00\x00\x00\x00\x00\x00\x00\x05", 9), json));
    CHECK(json == "5");
}

TEST_CASE("MessagePack that JSON cannot say is refused, never altered") {
    CHECK(refused(std::string("\xc4\x01\x00", 3)));                          // binary
    CHECK(refused(std::string("\xd4\x01\x00", 3)));                          // extension
    CHECK(refused(std::string("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", 9)));  // NaN
    CHECK(refused("\x81\x01\x02"));                                          // a key that is no string
    CHECK(refused("\xa1\xff"));                                              // no UTF-8
    CHECK(refused("\x92\x01"));                                              // cut off
    CHECK(refused("\x01\x02"));                                              // more than one value
    CHECK(refused(""));
    CHECK(refused("\xdd\xff\xff\xff\xff"));  // claims four thousand million elements
    CHECK(refused(std::string(70, '\x91') + "\x01"));
}

TEST_CASE("an integer that MessagePack has no room for is refused, not rounded") {
    SchemaConfig none;
    const auto encoder = codec::Encoder::make(codec::Encoding::msgpack, none, {});
    REQUIRE(encoder);
    std::string scratch;
    std::string_view out;
    const auto failure = encoder->encode("[18446744073709551616]", codec::Encoding::json, scratch, out);
    REQUIRE(failure);
    CHECK(failure->reason == VOLLEY_REASON_DECODE);
    CHECK(failure->text.find("18446744073709551616") != std::string::npos);
    CHECK_FALSE(encoder->encode("[18446744073709551615, 1e20]", codec::Encoding::json, scratch, out));
}
