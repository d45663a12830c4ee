// What a child writes: each spelling that a serializer has for the same answer, and what is wrong with those
// that are refused.
#include "handlers/answer.hpp"

#include <catch2/catch.hpp>

#include "volley/view.hpp"

using volley::handlers::Answer;
using volley::handlers::named_id;
using volley::handlers::parse_answer;
using Kind = Answer::Kind;

namespace {

std::string refused(const std::string& line) {
    Answer answer;
    return parse_answer(line, answer).value_or("");
}

// Of one answer, with the line that its views are of.
struct Parsed {
    explicit Parsed(std::string text) : line(std::move(text)) {
        const auto wrong = parse_answer(line, answer);
        INFO(line << ": " << wrong.value_or(""));
        REQUIRE(!wrong);
    }
    std::string line;
    Answer answer;
};

std::string output(const std::string& members) { return R"({"id":"7","outputs":[{)" + members + "}]}"; }

std::optional<std::string> body_of(const std::string& members) {
    const Parsed parsed(output(members));
    REQUIRE(parsed.answer.outputs.size() == 1);
    const auto& body = parsed.answer.outputs[0].body;
    return body ? std::optional<std::string>(*body) : std::nullopt;
}

std::string headers_of(const std::string& json) {
    const Parsed parsed(output(R"("body":1,"headers":)" + json));
    std::string all;
    for (const auto& header : parsed.answer.headers) {
        all += std::string(volley::text_of(header.name)) + "=";
        all += volley::is_absent(header.value) ? "(none)" : std::string(volley::text_of(header.value));
        all += ";";
    }
    REQUIRE(parsed.answer.outputs[0].header_count == parsed.answer.headers.size());
    return all;
}

}  // namespace

TEST_CASE("an id is text or a number, in any spelling of a whole number") {
    for (const char* id : {R"("1000000")", "1000000", "1000000.0", "1e6", "1E+06", R"("1000000.0")"}) {
        INFO(id);
        CHECK(Parsed(std::string(R"({"id":)") + id + "}").answer.id == 1'000'000U);
    }
    for (const char* id :
         {R"("")", "null", "false", R"(" 7")", "-7", "7.5", "[7]", R"({"a":7})", "true", "1e300"}) {
        INFO(id);
        CHECK(!refused(std::string(R"({"id":)") + id + "}").empty());
    }
    CHECK(Parsed(R"({"id":"18446744073709551615"})").answer.id == ~std::uint64_t{0});
}

TEST_CASE("fields that are null, false or empty are absent") {
    for (
        const char* line :
        {R"({"id":"7","retry":"","after_ms":0,"fail":"","drop":"","skipped":false,"outputs":[{"body":1}]})",
         R"({"id":"7","retry":null,"after_ms":null,"fail":null,"drop":null,"skipped":null,"outputs":[{"body":1}]})",
         R"({"id":"7","volley":null,"retry":false,"outputs":[{"body":1,"text":null,"base64":"","tombstone":false,)"
         R"("queue":"","key":null,"key_base64":"","headers":null,"partition":null,"delay_ms":""}]})"}) {
        const Parsed parsed(line);
        CHECK(parsed.answer.kind == Kind::done);
        REQUIRE(parsed.answer.outputs.size() == 1);
        CHECK(parsed.answer.outputs[0].body == "1");
        CHECK(!parsed.answer.outputs[0].queue);
        CHECK(!parsed.answer.outputs[0].key);
        CHECK(parsed.answer.outputs[0].partition == -1);
    }
    for (const char* outputs : {"null", "false", R"("")", "[]"})
        CHECK(Parsed(std::string(R"({"id":"7","outputs":)") + outputs + "}").answer.outputs.empty());
}

TEST_CASE("an outcome has a reason, or is true") {
    const Parsed retry(R"({"id":"7","retry":"sp\u00e4ter","after_ms":"90000","outputs":[]})");
    CHECK(retry.answer.kind == Kind::retry);
    CHECK(retry.answer.why == "später");
    CHECK(retry.answer.after_ms == 90'000);
    CHECK(Parsed(R"({"id":"7","fail":true})").answer.kind == Kind::fail);
    CHECK(Parsed(R"({"id":"7","skipped":true,"drop":"no"})").answer.kind == Kind::drop);
    CHECK(Parsed(R"({"id":"7","drop":"a","fail":"b"})").answer.kind == Kind::fail);
    CHECK(Parsed(R"({"skipped":true,"id":7})").answer.kind == Kind::skipped);
    CHECK(refused(R"({"id":"7","retry":5})") == R"("retry" is not a text with the reason)");
    CHECK(refused(R"({"id":"7","fail":{"code":3}})") == R"("fail" is not a text with the reason)");
    for (const char* after : {"1e400", R"("soon")", "[1]", "true"})
        CHECK(!refused(std::string(R"({"id":"7","retry":"x","after_ms":)") + after + "}").empty());
    CHECK(Parsed(R"({"id":"7","retry":"x","after_ms":1500.2})").answer.after_ms == 1501);
    CHECK(Parsed(R"({"id":"7","retry":"x","after_ms":-5})").answer.after_ms == 0);
}

TEST_CASE("a body goes out as it is written") {
    CHECK(body_of(R"("body":{"price": 19.90, "big":12345678901234567890123, "\u00e9":"\/"})") ==
          R"({"price": 19.90, "big":12345678901234567890123, "\u00e9":"\/"})");
    CHECK(body_of(R"("body":"text")") == R"("text")");
    CHECK(body_of(R"("body":"")") == R"("")");
    CHECK(body_of(R"("body":false)") == "false");
    CHECK(body_of(R"("body":null)") == "null");
    CHECK(body_of(R"("text":"a\nb\ud83c\udf0d","body":null)") == "a\nb\U0001F30D");
    CHECK(body_of(R"("text":"")") == "");
    CHECK(body_of(R"("text":"","body":null)") == "");
    CHECK(body_of(R"("base64":"\/\/4=")") == "\xff\xfe");
    CHECK(body_of(R"("tombstone":true,"body":null,"text":"")") == std::nullopt);
    CHECK(!refused(output(R"("queue":"out")")).empty());
    CHECK(!refused(output(R"("text":"a","body":1)")).empty());
    CHECK(!refused(output(R"("tombstone":true,"body":1)")).empty());
    CHECK(!refused(output(R"("base64":"###")")).empty());
    CHECK(!refused(output(R"("text":5)")).empty());
}

// Its author means an output: it must not be an ack without one.
TEST_CASE("a body outside of the outputs is refused") {
    CHECK(refused(R"({"id":"7","body":{"n":1}})") == R"("body" stands outside of "outputs")");
    CHECK(!refused(R"({"id":"7","output":{"body":1}})").empty());
    CHECK(!refused(R"({"id":"7","attempt":1,"text":"an echo of the request"})").empty());
    CHECK(refused(R"({"id":"7","took_ms":3,"body":null})").empty());
}

TEST_CASE("headers are an object or pairs, with values of every kind") {
    CHECK(headers_of(
              R"({"a":"x","via":["1","2"],"nil":null,"bin":{"base64":"/w=="},"n":1.50,"t":true,"e":""})") ==
          "a=x;via=1;via=2;nil=(none);bin=\xff;n=1.50;t=true;e=;");
    CHECK(headers_of(R"([["a","x"],["a",null],[{"base64":"/w=="},"y"]])") == "a=x;a=(none);\xff=y;");
    CHECK(headers_of("{}").empty());
    for (const char* wrong : {R"(["a"])", R"([["a"]])", R"([["a","b","c"]])", R"([[null,"b"]])",
                              R"({"a":{}})", R"({"a":{"base64":5}})", R"({"a":[["b"]]})", "5", R"("a")"})
        CHECK(!refused(output(std::string(R"("body":1,"headers":)") + wrong)).empty());
}

TEST_CASE("what is no JSON is refused, and named") {
    CHECK(refused(R"({"id":"7","outputs":[{"body":{"mean":NaN}}]})") ==
          R"(no JSON: "NaN" is no value at byte 37)");
    CHECK(refused(R"({"id":"7","outputs":[{"body":-Infinity}]})").find("-Infinity") != std::string::npos);
    CHECK(refused(output(R"("body":"\ud83d")")).find("half of a surrogate pair") != std::string::npos);
    CHECK(refused(output(R"("body":"\ude00")")).find("half of a surrogate pair") != std::string::npos);
    CHECK(refused(output(R"("text":"\ud83d\u0041")")).find("half of a surrogate pair") != std::string::npos);
    for (const char* wrong : {"",
                              "null",
                              "7",
                              "[]",
                              "{",
                              R"({"id")",
                              R"({"id":"7")",
                              R"({"id":"7"}})",
                              R"({"id":"7"} x)",
                              R"({"id":"7",})",
                              R"({"id":"7" "a":1})",
                              R"({id:"7"})",
                              R"({"id":'7'})",
                              R"({"id":07})",
                              R"({"id":"7","a":1.})",
                              R"({"id":"7","a":.5})",
                              R"({"id":"7","a":+1})",
                              R"({"id":"7","a":1e})",
                              R"({"id":"7","a":tru})",
                              R"({"id":"7","a":"\x"})",
                              R"({"id":"7","a":"\u12"})",
                              "{\"id\":\"7\",\"a\":\"\x01\"}",
                              "{\"id\":\"7\",\"a\":\"\xff\"}",
                              "{\"id\":\"7\",\"a\":\"\xed\xa0\x80\"}",
                              "{\"id\":\"7\",\"a\":\"\xc0\x80\"}"}) {
        INFO(wrong);
        CHECK(!refused(wrong).empty());
    }
    CHECK(!refused(std::string("{\"id\":\"7\"\0}", 11)).empty());
}

TEST_CASE("nesting is bounded, at any depth of the input") {
    const auto nested = [](std::size_t levels) {
        return output("\"body\":" + std::string(levels, '[') + std::string(levels, ']'));
    };
    CHECK(refused(nested(64)).empty());
    CHECK(refused(nested(65)).find("more than 64 levels deep") != std::string::npos);
    CHECK(!refused(nested(1'000'000)).empty());
    CHECK(!refused(std::string(1'000'000, '[')).empty());
    CHECK(!refused(R"({"id":"7","unknown":)" + std::string(1'000'000, '[')).empty());
}

TEST_CASE("the number of outputs and headers is bounded") {
    std::string outputs;
    for (int i = 0; i < 100'000; ++i) outputs += R"({"body":1},)";
    CHECK(refused(R"({"id":"7","outputs":[)" + outputs.substr(0, outputs.size() - 1) + "]}").empty());
    CHECK(refused(R"({"id":"7","outputs":[)" + outputs + R"({"body":1}]})").find("100000 outputs") !=
          std::string::npos);
    std::string values;
    for (int i = 0; i < 1'000'000; ++i) values += "1,";
    CHECK(refused(output(R"("body":1,"headers":{"a":[)" + values + "1]}")).find("1000000 headers") !=
          std::string::npos);
}

TEST_CASE("a wrong line still tells whose it is, where it can") {
    CHECK(named_id(R"({"id":"1000001","outputs":[{"body":NaN}]})") == 1'000'001U);
    CHECK(named_id(R"({"outputs":[{"id":"5","body":"\"id\":\"6\""}], "id" : 1000001 , x)") == 1'000'001U);
    CHECK(named_id(R"({"id":"1000001",)" + std::string(100'000, '[')) == 1'000'001U);
    CHECK(named_id(R"(done: {"id":"1000001"})") == 1'000'001U);
    CHECK(named_id("this is no JSON") == std::nullopt);
    CHECK(named_id(R"({"id":"10000)") == std::nullopt);  // cut: there may be more digits
    CHECK(named_id(R"({"id":1000)") == std::nullopt);
    CHECK(named_id(R"({"id":"x"})") == std::nullopt);
    CHECK(named_id("\"") == std::nullopt);
    CHECK(named_id("{\"id\\") == std::nullopt);
}

TEST_CASE("the first line of a child says what it can") {
    const Parsed hello(R"({"volley":1,"chains":true,"cancels":null})");
    CHECK(hello.answer.kind == Kind::hello);
    CHECK(hello.answer.keeps_groups);
    CHECK(!hello.answer.takes_cancels);
    CHECK(!refused(R"({"volley":null})").empty());
}
