#include "handlers/request.hpp"

#include <rapidjson/document.h>

#include <catch2/catch.hpp>
#include <vector>

#include "volley/view.hpp"

using volley::view_of;
using volley::handlers::append_request;
using volley::handlers::Request;

namespace {

std::string line_of(const std::vector<volley_header>& headers) {
    volley_message message{};
    message.body = view_of("x");
    message.headers = headers.data();
    message.header_count = static_cast<std::uint32_t>(headers.size());
    std::string out;
    append_request(out, Request{7, 1, 0, 0}, message);
    return out;
}

}  // namespace

TEST_CASE("headers reach a child as they are: repeated, binary, without a value") {
    CHECK(
        line_of({{view_of("a"), view_of("x\"\n\x01")},
                 {view_of("via"), view_of("1")},
                 {view_of("nil"), {}},
                 {view_of("via"), view_of("\xff")},
                 {view_of("via"), {}}}) ==
        R"({"id":"7","headers":{"a":"x\"\n\u0001","via":["1",{"base64":"/w=="},null],"nil":null},"attempt":1,"text":"x"})"
        "\n");
    CHECK(line_of({{view_of("a"), view_of("x")}, {view_of("\xff"), view_of("y")}}) ==
          R"({"id":"7","headers":[["a","x"],[{"base64":"/w=="},"y"]],"attempt":1,"text":"x"})"
          "\n");
}

TEST_CASE("many headers are grouped in time that grows with their number") {
    std::vector<std::string> names;
    for (int i = 0; i < 100'000; ++i) names.push_back("name " + std::to_string(i % 50'000));
    std::vector<volley_header> headers;
    headers.reserve(names.size());
    for (const std::string& name : names) headers.push_back({view_of(name), view_of("v")});
    rapidjson::Document read;
    read.Parse(line_of(headers).c_str());
    REQUIRE(!read.HasParseError());
    CHECK(read["headers"].MemberCount() == 50'000);
    CHECK(read["headers"]["name 7"].Size() == 2);
}
