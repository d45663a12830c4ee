// The pure parts of `volley handler-check`: what a program said, and what is wrong with it.
#include <catch2/catch.hpp>

#include "conformance/report.hpp"
#include "conformance/same_json.hpp"
#include "conformance/spoken.hpp"
#include "conformance/vectors.hpp"

using namespace volley::cli::conformance;
using Catch::Matchers::Contains;
using Kind = volley::handlers::Answer::Kind;

namespace {

std::vector<Spoken> said(const std::vector<std::string>& lines) {
    std::vector<Spoken> out;
    for (const std::string& line : lines) out.push_back(read_spoken(line));
    return out;
}

std::string difference(const std::string& expected, const std::string& came,
                       Numbers numbers = Numbers::digits) {
    return find_difference(read_spoken(expected), read_spoken(came), numbers).value_or("");
}

}  // namespace

TEST_CASE("a line is an answer, the abilities or noise") {
    REQUIRE(read_spoken(R"({"id":"7"})").what == Spoken::What::answer);
    REQUIRE(read_spoken(R"({"id":7,"retry":"why","after_ms":5})").kind == Kind::retry);
    REQUIRE(read_spoken(R"({"volley":2,"chains":true})").what == Spoken::What::hello);
    const Spoken noise = read_spoken("loaded");
    REQUIRE(noise.what == Spoken::What::noise);
    REQUIRE(noise.line == "loaded");
    REQUIRE_FALSE(noise.why.empty());
    REQUIRE(read_spoken(R"({"id":"7","outputs":[],"more":true})").more);
    REQUIRE_FALSE(read_spoken(R"({"id":"7","outputs":[{"body":{"more":true}}],"more":false})").more);
}

TEST_CASE("abilities are those of the first line") {
    const Abilities all =
        read_abilities(R"({"volley":2,"chains":true,"cancels":true,"source":true,"batches":true})");
    REQUIRE((all.version == 2 && all.chains && all.cancels && all.source && all.batches));
    const Abilities none = read_abilities(R"({"volley":1,"chains":false})");
    REQUIRE((none.version == 1 && !none.chains && !none.cancels && !none.source && !none.batches));
}

TEST_CASE("partial answers belong to the answer, unless the message fails") {
    const auto lines =
        said({R"({"id":"1","outputs":[{"body":1}],"more":true})", R"({"id":"2"})",
              R"({"id":"1","outputs":[{"body":2}]})", R"({"id":"3","outputs":[{"body":1}],"more":true})",
              R"({"id":"3","fail":"bad"})", R"({"id":"4","outputs":[],"more":true})"});
    REQUIRE(answer_to(1, lines)->outputs.size() == 2);
    REQUIRE(answer_to(2, lines)->outputs.empty());
    REQUIRE(answer_to(3, lines)->outputs.empty());
    REQUIRE_FALSE(answer_to(4, lines));
    REQUIRE(unanswered({{1}, {2}, {3}, {4}, {5}}, lines) == 2);
}

TEST_CASE("a second answer is found, a partial one before is not") {
    REQUIRE_FALSE(find_repeated(said({R"({"id":"1","outputs":[],"more":true})", R"({"id":"1"})"})));
    REQUIRE_THAT(*find_repeated(said({R"({"id":"1"})", R"({"id":"2"})", R"({"id":"1","fail":"x"})"})),
                 Contains("message 1 was answered twice"));
    REQUIRE(find_repeated(said({R"({"id":"1"})", R"({"id":"1","outputs":[],"more":true})"})));
}

TEST_CASE("an answer to nothing and a line that is none are found") {
    REQUIRE_THAT(*find_unknown({{1}}, said({R"({"id":"1"})", R"({"id":"2"})"})), Contains("message 2"));
    REQUIRE_FALSE(find_unknown({{1}}, said({R"({"volley":1})", "noise", R"({"id":"1"})"})));
    REQUIRE_THAT(*find_noise(said({R"({"id":"1"})", "noise"})), Contains("`noise`"));
    REQUIRE_THAT(*find_noise(said({R"({"id":"1"})", R"({"volley":1})"})), Contains("behind other lines"));
    REQUIRE_FALSE(find_noise(said({R"({"volley":1})", R"({"id":"1"})"})));
}

TEST_CASE("a chain is answered in order, and skipped exactly behind a failure") {
    const std::vector<Sent> sent{{1, 1, 1}, {2, 1, 2}, {3, 1, 1}, {4, 1, 1}, {5, 2, 1}, {6}};
    const auto broken = [&](const std::vector<std::string>& lines) {
        return find_broken_chain(sent, said(lines)).value_or("");
    };
    REQUIRE(broken({R"({"id":"6"})", R"({"id":"5"})", R"({"id":"2"})", R"({"id":"1"})",
                    R"({"id":"3","outputs":[],"more":true})", R"({"id":"3","retry":"x"})",
                    R"({"id":"4","skipped":true})"})
                .empty());
    REQUIRE_THAT(broken({R"({"id":"3"})"}), Contains("message 3 was answered before message 1"));
    REQUIRE_THAT(broken({R"({"id":"1","skipped":true})"}), Contains("nothing before it"));
    REQUIRE_THAT(broken({R"({"id":"1","fail":"x"})", R"({"id":"3"})"}), Contains("was not skipped"));
    REQUIRE_THAT(broken({R"({"id":"6","skipped":true})"}), Contains("not in a chain"));
    REQUIRE(broken({R"({"id":"1","drop":"x"})", R"({"id":"3"})"}).empty());
}

TEST_CASE("JSON is compared by what it says") {
    const auto same = [](const char* a, const char* b) { return same_json(a, b, Numbers::digits); };
    REQUIRE(same(R"({"a":1,"b":[true,null]})", R"( { "b" : [ true , null ] , "a" : 1 } )"));
    REQUIRE(same(R"("\u00fc\ud83c\udf0d\/")", "\"\xC3\xBC\xF0\x9F\x8C\x8D/\""));
    REQUIRE_FALSE(same("[1,2]", "[2,1]"));
    REQUIRE_FALSE(same(R"("1")", "1"));
    REQUIRE_FALSE(same("{", "{"));
    REQUIRE_FALSE(same("[]", "{}"));
    const std::string deep = std::string(64, '[') + std::string(64, ']');
    REQUIRE(same_json(deep, deep, Numbers::values));
}

TEST_CASE("numbers are compared by digits or by values") {
    const auto same = [](const char* a, const char* b) {
        return std::pair(same_json(a, b, Numbers::digits), same_json(a, b, Numbers::values));
    };
    REQUIRE(same("1.10", "1.10") == std::pair(true, true));
    REQUIRE(same("1.10", "1.1") == std::pair(false, true));
    REQUIRE(same("1e5", "100000.0") == std::pair(false, true));
    REQUIRE(same("-1.5E-7", "-0.00000015") == std::pair(false, true));
    REQUIRE(same("0", "-0.0") == std::pair(false, true));
    REQUIRE(same("0.1", "0.10000000000000001") == std::pair(false, false));
    REQUIRE(same("12345678901234567890", "12345678901234567000") == std::pair(false, false));
    REQUIRE(same("1", "-1") == std::pair(false, false));
}

TEST_CASE("what differs between answers is said") {
    const std::string forwarded = R"({"id":"1","outputs":[{"queue":"out","body":{"a":1},"key":"k",)"
                                  R"("headers":{"a":"1","via":["x","y"],"nil":null}}]})";
    REQUIRE(difference(forwarded, R"({"id":1,"outputs":[{"headers":[["nil",null],["via","x"],["a","1"],)"
                                  R"(["via","y"]],"key":"k","body":{ "a":1 },"queue":"out"}]})")
                .empty());
    REQUIRE_THAT(difference(forwarded, R"({"id":"1"})"), Contains("0 outputs instead of 1"));
    REQUIRE_THAT(difference(forwarded, R"({"id":"1","fail":"x"})"), Contains("fail instead of done"));
    REQUIRE_THAT(difference(forwarded, R"({"id":"1","outputs":[{"queue":"out","body":{"a":1}}]})"),
                 Contains("the key is none instead of `k`"));
    REQUIRE_THAT(difference(forwarded, R"({"id":"1","outputs":[{"queue":"out","body":{"a":1},"key":"k",)"
                                       R"("headers":{"a":"1","via":["y","x"],"nil":null}}]})"),
                 Contains("the header `via` is `y` instead of `x`"));
    REQUIRE_THAT(difference(R"({"id":"1","retry":"a"})", R"({"id":"1","retry":"b"})"),
                 Contains("`b` instead of `a`"));
    REQUIRE(difference(R"({"id":"1","retry":true})", R"({"id":"1","retry":"anything"})").empty());
    const std::string number = R"({"id":"1","outputs":[{"body":1.10}]})";
    REQUIRE_FALSE(difference(number, R"({"id":"1","outputs":[{"body":1.1}]})").empty());
    REQUIRE(difference(number, R"({"id":"1","outputs":[{"body":1.1}]})", Numbers::values).empty());
}

TEST_CASE("the messages of a line") {
    REQUIRE(messages_of(R"({"cancelled":"7"})").empty());
    const auto one = messages_of(R"({"id":"7","call":2,"chain":3,"body":{"id":"8"}})");
    REQUIRE((one.size() == 1 && one[0].id == 7 && one[0].call == 2 && one[0].chain == 3));
    const auto batch = messages_of(R"({"batch":[{"id":"7","body":1},{"id":"8","chain":1,"body":2}]})");
    REQUIRE((batch.size() == 2 && batch[0].id == 7 && batch[1].id == 8 && batch[1].chain == 1));
}

TEST_CASE("every vector has an answer for each of its messages, which the engine can read") {
    for (const Vector& vector : all_vectors()) {
        INFO(vector.name);
        REQUIRE_FALSE((vector.name.empty() || vector.about.empty() || vector.hint.empty()));
        std::vector<Sent> sent;
        for (const std::string& line : vector.lines)
            for (const Sent& message : messages_of(line)) sent.push_back(message);
        const auto answers = said(vector.answers);
        REQUIRE(sent.size() == answers.size());
        REQUIRE(unanswered(sent, answers) == 0);
        REQUIRE_FALSE(find_repeated(answers));
        REQUIRE_FALSE(find_unknown(sent, answers));
        REQUIRE_FALSE(find_noise(answers));
        REQUIRE_FALSE(find_broken_chain(sent, answers));
    }
}

TEST_CASE("a vector that is none is refused") {
    REQUIRE_THROWS(read_vector("{"));
    REQUIRE_THROWS(read_vector(R"({"name":"x","lines":[]})"));
}

TEST_CASE("the report") {
    const std::vector<Finding> findings{{"starts", passed()}, {"ends", failed("a", "b", "c\n")}};
    REQUIRE(text_line(findings[0]) == "PASS  starts");
    REQUIRE(text_line(findings[1]) == "FAIL  ends: sent a; came b; c\n");
    REQUIRE(summary(findings) == "2 checks: 1 passed, 1 failed, 0 with a warning, 0 skipped");
    REQUIRE(json_report({"python3", "a\"b"}, findings) ==
            R"({"program":["python3","a\"b"],"passed":1,"failed":1,"warnings":0,"skipped":0,"checks":[)"
            R"({"name":"starts","status":"pass","reason":""},)"
            R"({"name":"ends","status":"fail","reason":"sent a; came b; c\n"}]})");
}

TEST_CASE("an excerpt shows no control characters and is short") {
    REQUIRE(excerpt("a\x1b[2J") == "`a\\u001b[2J`");
    REQUIRE(excerpt(std::string(1000, 'x')).size() < 200);
}
