#include "plugins/config_schema.hpp"

#include <catch2/catch.hpp>

using namespace volley;
using namespace volley::plugins;

namespace {

const char schema[] = R"({
  "type": "object", "additionalProperties": false, "required": ["path"],
  "properties": {
    "path": {"type": "string", "minLength": 1},
    "lease_ms": {"type": "integer", "minimum": 1000, "description": "How long."},
    "mode": {"enum": ["fast", "safe"]},
    "hosts": {"type": "array", "items": {"type": "string"}},
    "tls": {"type": "object", "additionalProperties": false, "properties": {"ca": {"type": "string"}}}
  }
})";

std::vector<SchemaError> check(const std::string& config, const char* with = schema) {
    volley_class description{};
    description.struct_size = sizeof description;
    description.config_schema = with;
    return check_config({&description, nullptr, "x.so"}, config);
}

}  // namespace

TEST_CASE("a configuration that fits its schema has no errors", "[config_schema]") {
    CHECK(check(R"({"path": "a", "lease_ms": 1000, "mode": "fast", "hosts": ["x"], "tls": {"ca": "y"}})")
              .empty());
    CHECK(check(R"({"anything": 1})", nullptr).empty());
}

TEST_CASE("an unknown key is pointed at and the nearest known key named", "[config_schema]") {
    const auto errors = check(R"({"path": "a", "leese_ms": 5, "tls": {"cert": 1}})");
    REQUIRE(errors.size() == 2);
    CHECK(errors[0].pointer == "/leese_ms");
    CHECK(errors[0].text == "unknown key \"leese_ms\"");
    CHECK(errors[0].help == "did you mean \"lease_ms\"?");
    CHECK(errors[1].pointer == "/tls/cert");
    CHECK(errors[1].text == "unknown key \"cert\"");
    CHECK(errors[1].help == "known keys: ca");
}

TEST_CASE("a wrong value says what is allowed and not what it was", "[config_schema]") {
    const auto errors = check(R"({"path": "a", "lease_ms": "secret", "mode": "x", "hosts": ["a", {}]})");
    REQUIRE(errors.size() == 3);
    CHECK(errors[0].pointer == "/lease_ms");
    CHECK(errors[0].text == "\"lease_ms\" must be a whole number from 1000");
    CHECK(errors[0].help == "lease_ms: How long.");
    CHECK(errors[1].text == "\"mode\" must be one of \"fast\", \"safe\"");
    CHECK(errors[2].pointer == "/hosts/1");
    CHECK(errors[2].text == "an entry of \"hosts\" must be a string");
}

TEST_CASE("a missing key is named", "[config_schema]") {
    const auto errors = check("{}");
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].text == "the key \"path\" is missing");
}

TEST_CASE("a schema with references is judged as a whole", "[config_schema]") {
    const char* with =
        R"({"definitions": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/definitions/n"}}})";
    CHECK(check(R"({"a": 1})", with).empty());
    CHECK_FALSE(check(R"({"a": "x"})", with).empty());
}

TEST_CASE("what is no JSON object is refused", "[config_schema]") {
    CHECK(check("[]").size() == 1);
    CHECK(check("{").size() == 1);
}

TEST_CASE("values take the types of the schema, with their digits", "[config_schema]") {
    volley_class description{};
    description.struct_size = sizeof description;
    description.config_schema =
        R"({"properties": {"text": {"type": "string"}, "port": {"type": "integer"}, "ratio": {"type": "number"},
            "on": {"type": "boolean"}, "list": {"items": {"type": "string"}}, "free": {}},
            "additionalProperties": {"type": ["string", "number", "boolean"]}})";
    const auto fitted = [&](const std::string& config) {
        return fit_config({&description, nullptr, "x.so"}, config);
    };
    CHECK(
        fitted(R"({"text":12.50,"port":"6379","ratio":"1e-3","on":"true","list":[1.10,true],"free":1.10})") ==
        R"({"text":"12.50","port":6379,"ratio":1e-3,"on":true,"list":["1.10","true"],"free":1.10})");
    CHECK(fitted(R"({"port":90000.0,"ratio":1.10,"text":true})") ==
          R"({"port":90000,"ratio":1.10,"text":"true"})");
    CHECK(fitted(R"({"port":9e4,"text":123456789012345678901})") ==
          R"({"port":90000,"text":"123456789012345678901"})");
    // Of both, what another printer would print otherwise is text.
    CHECK(fitted(R"({"client.id":1.10,"linger.ms":5,"x":1.5,"y":true,"z":"5"})") ==
          R"({"client.id":"1.10","linger.ms":5,"x":1.5,"y":true,"z":"5"})");
    // What cannot be meant stays, for the check to refuse.
    CHECK(fitted(R"({"port":"010","on":"yes","ratio":"a","text":null})") ==
          R"({"port":"010","on":"yes","ratio":"a","text":null})");
    CHECK(check(R"({"path": 12345678, "lease_ms": "2000"})").empty());
    CHECK(check(R"({"path": "a", "lease_ms": "010"})").size() == 1);
}
