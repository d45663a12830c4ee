#include "verdict.hpp"

#include <catch2/catch.hpp>

#include "volley/plugin.h"

using volley::http::judge;
using volley::http::Outcome;
using volley::http::parse_retry_after;
using volley::http::Verdict;

namespace {

Verdict of(long status, const std::string& retry_after = "") {
    Outcome o;
    o.status = status;
    o.retry_after = retry_after;
    return judge(o, "http://x/", 60'000, 1'000'000'000);
}

}  // namespace

TEST_CASE("what a status means", "[http]") {
    for (const long status : {200L, 201L, 202L, 204L}) CHECK(of(status).status == VOLLEY_OK);
    for (const long status : {408L, 425L, 429L, 500L, 502L, 503L, 504L, 599L})
        CHECK(of(status).status == VOLLEY_E_RETRY);
    for (const long status : {301L, 307L, 400L, 403L, 404L, 409L, 422L})
        CHECK(of(status).status == VOLLEY_E_PERMANENT);
    for (const long status : {401L, 407L}) CHECK(of(status).status == VOLLEY_E_UNAUTHORIZED);
    CHECK(of(413).status == VOLLEY_E_TOO_LARGE);
}

TEST_CASE("a request that the server may have seen is unknown, another is tried again", "[http]") {
    Outcome o;
    o.failure = "timeout";
    CHECK(judge(o, "u", 0, 0).status == VOLLEY_E_RETRY);
    o.was_sent = true;
    CHECK(judge(o, "u", 0, 0).status == VOLLEY_E_UNKNOWN);
    o.is_misconfigured = true;
    CHECK(judge(o, "u", 0, 0).status == VOLLEY_E_CONFIG);
}

TEST_CASE("Retry-After in seconds or as a date, up to a limit", "[http]") {
    CHECK(of(503, "7").pause_ms == 7'000);
    CHECK(of(503, "100000").pause_ms == 60'000);
    CHECK(of(503, "99999999999999999999999").pause_ms == 60'000);
    CHECK(of(503, "-5").pause_ms == 0);
    CHECK(of(503, "soon").pause_ms == 0);
    CHECK(of(503).pause_ms == 0);
    CHECK(of(400, "7").pause_ms == 0);
    CHECK(parse_retry_after("Sun, 09 Sep 2001 01:46:50 GMT", 60'000, 1'000'000'000) == 10'000);
    CHECK(parse_retry_after("Sun, 09 Sep 2001 01:46:30 GMT", 60'000, 1'000'000'000) == 0);
}

TEST_CASE("the server's text is shown, shortened and without control characters", "[http]") {
    Outcome o;
    o.status = 400;
    o.body = "no\x1b[2J\nsuch " + std::string(500, 'x');
    const std::string text = judge(o, "http://x/", 0, 0).text;
    CHECK(text.find("http://x/ answered with 400: no [2J such xxx") == 0);
    CHECK(text.size() < 300);
}
