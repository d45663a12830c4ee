#include "codec/codec.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "codec/idle_keywords.hpp"
#include "codec/json.hpp"
#include "codec/keywords.hpp"
#include "codec/message_json.hpp"
#include "codec/msgpack.hpp"
#include "codec/schema.hpp"
#include "text/text.hpp"
#include "volley/plugin.h"
#include "volley/view.hpp"

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
    CHECK(told->find("/id: pattern: it is 1048576 bytes long, and is matched up to 16384, and is \"aaa") ==
          0);
    CHECK(told->size() < 200);
    CHECK(violation(schema, R"({"id": "abc"})") == "/id: pattern: must match ^(a|b)*$, and is \"abc\"");
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

TEST_CASE("a violation names the JSON pointer, the rule and the value") {
    const std::string schema = R"({"required": ["id"], "properties": {
        "id": {"type": ["integer", "null"], "minimum": 1}, "a/b~": {"items": {"enum": ["x", "y"]}},
        "at": {"type": ["string", "null"], "format": "date-time"}, "set": {"uniqueItems": true}}})";
    CHECK(violation(schema, R"({"id": "seven"})") == "/id: type: must be integer or null, and is \"seven\"");
    CHECK(violation(schema, R"({"id": 0})")->find(", and is 0") != std::string::npos);
    CHECK(violation(schema, R"({"id": 1, "a/b~": ["x", "zebra"]})")->find("/a~1b~0/1: ") == 0);
    CHECK(violation(schema, R"({"id": 1, "a/b~": ["x", "zebra"]})")->find(", and is \"zebra\"") !=
          std::string::npos);
    CHECK(violation(schema, "{\"x\": 1}") == "the message: Missing required property 'id', and is {\"x\":1}");
    CHECK(violation(schema, R"({"id": 1, "at": "yesterday"})") ==
          "/at: format: must be a date-time as RFC 3339 has it, and is \"yesterday\"");
    CHECK(violation(schema, R"({"id": 1, "set": [1, 2, 1.0]})") ==
          "/set: uniqueItems: element 2 stands twice, and is [1,2,1.0]");
    CHECK_FALSE(
        violation(schema, R"({"id": 1.0, "at": null, "set": [[1], {"a": 1}, {"b": 1}, "1", 1, true]})"));
    const std::string long_text(1000, 'z');
    CHECK(violation(schema, R"({"id": ")" + long_text + "\"}")->size() < 150);
}

TEST_CASE("whole numbers of more than 63 bits are large, not negative") {
    const std::string schema = R"({"items": {"type": "integer", "minimum": 0}})";
    CHECK_FALSE(violation(schema, "[18446744073709551615, 123456789012345678901234567890]"));
    CHECK(violation(schema, "[-18446744073709551615]"));
    CHECK(violation(R"({"items": {"maximum": 10}})", "[18446744073709551615]"));
}

TEST_CASE("no message makes a check hang, crash or fill the memory") {
    const std::string digits(1 << 20, '1');
    for (const char* format : {"date", "time", "date-time", "email"}) {
        const std::string schema = R"({"type": "string", "format": ")" + std::string(format) + "\"}";
        std::thread([&] { static_cast<void>(violation(schema, "\"" + digits + "\"")); }).join();
    }
    std::string ones = "[1";
    for (int i = 0; i < 500'000; ++i) ones += ",1";
    ones += "]";
    CHECK(violation(R"({"uniqueItems": true})", ones)->find("uniqueItems: element 1 stands twice") !=
          std::string::npos);
    std::string distinct = "[0";
    for (int i = 1; i < 150'000; ++i) distinct += "," + std::to_string(i);
    CHECK_FALSE(violation(R"({"uniqueItems": true})", distinct + "]"));
    CHECK(violation(R"({"items": {"type": "string"}})", ones)->find("/0: type: must be string, and is 1") ==
          0);
}

TEST_CASE("dates and times are those of RFC 3339") {
    for (const char* good :
         {"2024-02-29T23:59:60Z", "1999-12-31t00:00:00.5+01:00", "1990-12-31T15:59:60-08:00"})
        CHECK(codec::fits_format("date-time", good));
    for (const char* bad :
         {"2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T24:00:00Z",
          "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01T12:00:60Z", "", "2024-1-1T00:00:00Z"})
        CHECK_FALSE(codec::fits_format("date-time", bad));
    CHECK(codec::fits_format("date", "2000-02-29"));
    CHECK_FALSE(codec::fits_format("date", "1900-02-29"));
    CHECK(codec::fits_format("colour", "anything"));
}

TEST_CASE("a body is parsed once, whatever looks into it") {
    SchemaConfig schema;
    schema.kind = SchemaConfig::Kind::json_schema;
    schema.text = R"({"type": "object", "properties": {"id": {"type": "integer"}}})";
    SchemaConfig other = schema;
    other.text = R"({"required": ["id"]})";
    SchemaConfig object;
    object.kind = SchemaConfig::Kind::any_object;
    const auto to_json = codec::Encoder::make(codec::Encoding::json, other, {});
    const auto to_object = codec::Encoder::make(codec::Encoding::json, object, {});
    const auto to_msgpack = codec::Encoder::make(codec::Encoding::msgpack, {}, {});
    const std::string json = R"({"id":7,"who":"me"})";
    std::string packed;
    {
        rapidjson::Document document;
        REQUIRE_FALSE(codec::parse_json(json, document));
        codec::json_to_msgpack(document, packed);
    }
    for (const auto encoding : {codec::Encoding::json, codec::Encoding::msgpack}) {
        const auto decoder = codec::Decoder::make(encoding, schema, "/who", {});
        REQUIRE(decoder);
        codec::Parsed tree;
        std::string scratch, encoded, key;
        std::string_view out, bytes;
        codec::parsed_texts = 0;
        REQUIRE_FALSE(
            decoder->decode(encoding == codec::Encoding::json ? json : packed, scratch, out, &key, &tree));
        CHECK(out == json);
        CHECK(key == "me");
        for (const auto* encoder : {&to_json, &to_object, &to_msgpack})
            CHECK_FALSE((*encoder)->encode(out, codec::Encoding::json, encoded, bytes, &tree));
        CHECK(bytes == packed);
        CHECK(codec::parsed_texts == 1);
        // What is not the tree's own text is parsed.
        const std::string another = R"({"id":"no"})";
        CHECK_FALSE(to_json->encode(another, codec::Encoding::json, encoded, bytes, &tree));
        CHECK(to_json->encode("{}", codec::Encoding::json, encoded, bytes, &tree));
        CHECK(codec::parsed_texts == 3);
    }
}

TEST_CASE("a queue of JSON objects takes nothing else, packed or not") {
    SchemaConfig object;
    object.kind = SchemaConfig::Kind::any_object;
    for (const auto encoding : {codec::Encoding::json, codec::Encoding::msgpack}) {
        const auto encoder = codec::Encoder::make(encoding, object, {});
        std::string scratch;
        std::string_view out;
        const auto failure = encoder->encode("[1]", codec::Encoding::json, scratch, out);
        REQUIRE(failure);
        CHECK(failure->reason == VOLLEY_REASON_SCHEMA);
        CHECK_FALSE(encoder->encode("{}", codec::Encoding::json, scratch, out));
    }
}

TEST_CASE("a schema that cannot be used names the part that is wrong") {
    const auto compiled = codec::Schema::compile(
        R"({"properties": {"a": {"type": "string"}, "b/c": {"items": {"anyOf": [{}, {"type": "strin"}]}}}})",
        "test");
    REQUIRE_FALSE(compiled);
    CHECK(compiled.error().field == "/properties/b~1c/items/anyOf/1");
    CHECK(compiled.error().text.find("strin") != std::string::npos);
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

TEST_CASE("a key keeps the digits that the body has") {
    const auto key = [](const std::string& body, const std::string& pointer) {
        const auto decoder = codec::Decoder::make(codec::Encoding::json, {}, pointer, {});
        REQUIRE(decoder);
        std::string scratch;
        std::string_view out;
        std::string found = "not looked for";
        REQUIRE_FALSE(decoder->decode(body, scratch, out, &found));
        return found;
    };
    for (const char* number :
         {"123456789012345678901", "123456789012345678902", "10.10", "1e3", "1E-7", "-0", "0",
          "18446744073709551615", "-9223372036854775809", "0.12345678901234567890", "19.90"})
        CHECK(key("{\"id\":" + std::string(number) + "}", "/id") == number);
    const std::string nested =
        " { \"a\" : [ \"x]}\\\"\" , { \"\\u0062\" : { } } , [ ] , 10.10 ] , \"b/c\" : { \"d~e\" : [ 1.50 , { "
        "\"f\" : 2.0 } ] } , "
        "\"a2\" : 7.00 } ";
    CHECK(key(nested, "/a/3") == "10.10");
    CHECK(key(nested, "/a/0") == "x]}\"");
    CHECK(key(nested, "/a/1") == "{\"b\":{}}");
    CHECK(key(nested, "/b~1c/d~0e/0") == "1.50");
    CHECK(key(nested, "/b~1c/d~0e") == "[1.50,{\"f\":2.0}]");
    CHECK(key(nested, "/a2") == "7.00");
    CHECK(key(nested, "/nowhere") == "");
    CHECK(key(R"({"id":1.0,"id":2.0})", "/id") == "1.0");
    CHECK(key(R"({"id":true})", "/id") == "true");
    CHECK(key("10.10", "") == "not looked for");
}

TEST_CASE("half of a surrogate pair is refused, whichever half") {
    for (const char* half : {R"("\ud83d")", R"("\udc00")", R"("\udc00\ud83d")", R"("\ud83d\u0041")",
                             R"("a\\\udc00")", R"("\ud83d\ude00\udc00")", R"({"\uDfff":1})"})
        CHECK(codec::check_json(half, nullptr));
    for (const char* whole :
         {R"("\ud83d\ude00")", R"("\\udc00")", R"("\\\\udc00")", R"("\u00e9\n")", R"("\uD83D\uDE00x")"})
        CHECK_FALSE(codec::check_json(whole, nullptr));
}

TEST_CASE("what checks nothing in a schema is found, and what only describes is not") {
    const auto found = [](const std::string& schema) {
        std::string all;
        for (const codec::IdleKeyword& idle : codec::idle_keywords(schema)) all += idle.pointer + " ";
        return all;
    };
    CHECK(found(R"({"requird": ["a"], "properties": {"requird": {"type": "string", "minLenght": 1}}})") ==
          "/requird /properties/requird/minLenght ");
    CHECK(
        found(
            R"({"prefixItems": [{}], "items": [{"dependentRequired": {}}], "allOf": [{"unevaluatedItems": false}]})") ==
        "/prefixItems /items/0/dependentRequired /allOf/0/unevaluatedItems ");
    CHECK(
        found(
            R"({"$ref": "#/definitions/a", "minLength": 2, "title": "t", "definitions": {"a": {"typo": 1}}})") ==
        "/minLength /definitions/a/typo ");
    CHECK(
        found(
            R"({"$schema": "http://json-schema.org/draft-07/schema#", "title": "t", "x-own": 1, "examples": [{"requird": 1}],
                    "const": {"foo": 1}, "enum": [{"bar": 2}], "default": {"baz": 3}, "$defs": {"n": {"not": {"if": true}}},
                    "dependencies": {"a": ["b"], "c": {"required": ["d"]}}, "format": "email", "deprecated": true})") ==
        "");
    CHECK(found("true") == "");
    const auto later = codec::idle_keywords(R"({"prefixItems": []})");
    CHECK(later.front().help == "write items: [first, second, …]");
}

TEST_CASE("headers, keys and bodies of any bytes come back from JSON as they were") {
    const std::vector<std::vector<codec::Header>> all = {
        {},
        {{"a", "1"}, {"a", "2"}, {"b", std::nullopt}, {"", ""}},
        {{"a", "1"}, {"b", "2"}, {"a", "3"}},
        {{"sig_base64", "aGk="},
         {"base64:x", "y"},
         {"\xff\x00name", std::string("\x00\xff", 2)},
         {"\xed\xb5\xb9", "\xed\xa0\x80"}},
        {{"n", std::nullopt}, {"n", std::string("\xfe")}, {"n", "text\n\"\\\x7f"}},
    };
    for (const auto& headers : all) {
        rapidjson::StringBuffer buffer;
        text::JsonWriter writer(buffer);
        codec::write_headers(writer, codec::views_of(headers));
        const std::string json(buffer.GetString(), buffer.GetSize());
        INFO(json);
        CHECK(text::is_utf8(json));
        rapidjson::Document document;
        REQUIRE_FALSE(codec::parse_json(json, document));
        const auto back = codec::read_headers(document);
        REQUIRE(back);
        REQUIRE(back->size() == headers.size());
        for (std::size_t i = 0; i < headers.size(); ++i) {
            CHECK((*back)[i].name == headers[i].name);
            CHECK((*back)[i].value == headers[i].value);
        }
    }
    for (const char* none :
         {"1", R"({"a":1})", R"([["a"]])", R"({"a":{"base64":"!"}})", R"({"base64:!":"x"})"}) {
        rapidjson::Document document;
        REQUIRE_FALSE(codec::parse_json(none, document));
        CHECK_FALSE(codec::read_headers(document));
    }
}
