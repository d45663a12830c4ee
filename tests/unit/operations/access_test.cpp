#include "operations/access.hpp"

#include <catch2/catch.hpp>

using volley::operations::Access;
using volley::operations::Claims;
using volley::operations::name_of_client;
using volley::operations::refusal;
using volley::operations::same_secret;

namespace {

Claims from(std::string host, std::string authorization = {}) {
    Claims claims;
    claims.host = std::move(host);
    claims.authorization = std::move(authorization);
    return claims;
}

}  // namespace

TEST_CASE("secrets are compared whole") {
    CHECK(same_secret("s3cret", "s3cret"));
    for (const char* other : {"", "s", "s3cre", "s3cret ", "S3cret", "s3crets3cret"})
        CHECK_FALSE(same_secret(other, "s3cret"));
}

TEST_CASE("beyond loopback nobody gets in without a token") {
    const Access open{"", "0.0.0.0", false};
    CHECK(refusal(open, from("volley.example:3000")));
    CHECK(refusal(open, from("localhost:3000", "Bearer ")));
    const Access guarded{"s3cret", "0.0.0.0", false};
    CHECK(refusal(guarded, from("volley.example:3000")));
    CHECK(refusal(guarded, from("volley.example:3000", "Bearer wrong")));
    CHECK(refusal(guarded, from("volley.example:3000", "s3cret")));
    CHECK(refusal(guarded, from("volley.example:3000", "Digest s3cret")));
    CHECK_FALSE(refusal(guarded, from("volley.example:3000", "Bearer s3cret")));
    CHECK_FALSE(refusal(guarded, from("volley.example:3000", "bearer  s3cret")));
    CHECK_FALSE(refusal(guarded, from("volley.example:3000", "Basic dXNlcjpzM2NyZXQ=")));  // user:s3cret
    CHECK(refusal(guarded, from("volley.example:3000", "Basic czNjcmV0")));                // s3cret
}

TEST_CASE("a token that is configured is asked for on loopback, too") {
    CHECK(refusal({"s3cret", "127.0.0.1", true}, from("localhost:3000")));
    CHECK_FALSE(refusal({"s3cret", "127.0.0.1", true}, from("localhost:3000", "Bearer s3cret")));
}

TEST_CASE("on loopback the name that was asked for must be this machine's") {
    const Access local{"", "127.0.0.1", true};
    for (const char* host : {"localhost", "LocalHost:3000", "127.0.0.1:3000", "127.1.2.3", "[::1]:3000",
                             "[::1]", "volley.localhost:3000", ""})
        CHECK_FALSE(refusal(local, from(host)));
    for (const char* host : {"stranger.example", "localhost.stranger.example:3000", "127.stranger.example",
                             ".localhost", "[", "[]", ":3000", "10.0.0.1:3000"})
        CHECK(refusal(local, from(host)));
    CHECK_FALSE(refusal({"", "Volley.internal", true}, from("volley.internal:3000")));
}

TEST_CASE("only a missing or wrong token can be put right by a browser that asks for one") {
    const Access guarded{"s3cret", "0.0.0.0", false};
    CHECK(refusal(guarded, from("volley.example:3000"))->status == 401);
    CHECK(refusal(guarded, from("volley.example:3000", "Bearer wrong"))->status == 401);
    CHECK(refusal({"", "0.0.0.0", false}, from("volley.example:3000"))->status == 403);
    CHECK(refusal({"", "127.0.0.1", true}, from("stranger.example"))->status == 403);
}

TEST_CASE("the audit names the user of Basic authentication") {
    const Access guarded{"s3cret", "0.0.0.0", false};
    CHECK(name_of_client(guarded, from("x", "Basic dXNlcjpzM2NyZXQ=")) == "user");
    CHECK(name_of_client(guarded, from("x", "Bearer s3cret")) == "token");
    CHECK(name_of_client({"", "127.0.0.1", true}, from("localhost", "Basic dXNlcjpzM2NyZXQ=")) == "local");
}

TEST_CASE("a link may lead to the page, but a page of another site may not write") {
    const Access local{"", "127.0.0.1", true};
    Claims claims = from("localhost:3000");
    claims.fetch_site = "cross-site";
    claims.fetch_mode = "navigate";
    CHECK_FALSE(refusal(local, claims));
    claims.writes = true;
    CHECK(refusal(local, claims));
}

TEST_CASE("a page of another site gets nothing, with or without the token") {
    const Access guarded{"s3cret", "0.0.0.0", false};
    Claims claims = from("volley.example:3000", "Bearer s3cret");
    claims.origin = "http://volley.example:3000";
    CHECK_FALSE(refusal(guarded, claims));
    for (const char* origin :
         {"http://volley.example", "https://stranger.example", "null", "volley.example:3000"}) {
        claims.origin = origin;
        CHECK(refusal(guarded, claims));
    }
    claims.origin.clear();
    claims.fetch_site = "cross-site";
    claims.fetch_mode = "cors";
    CHECK(refusal(guarded, claims));
    claims.fetch_mode = "navigate";  // somebody followed a link
    CHECK_FALSE(refusal(guarded, claims));
}
