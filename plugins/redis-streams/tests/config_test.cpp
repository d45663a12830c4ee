// What the connector says about a configuration. No server.
#include "redis/tls.hpp"
#include "rig.hpp"

using namespace volley;
using namespace volley::test;

namespace {

// Returns the key and the text of the error with which a consumer is refused.
std::string refused(const std::string& config, const std::string& value = "s") {
    Rig rig("redis-streams.so");
    const auto made = rig.create_consumer(value, config);
    return made ? "accepted" : made.error().field + " " + made.error().text;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a wrong configuration is refused with its key", "[redis-streams]") {
    CHECK(contains(refused(R"({"url": "http://x"})"), "/url "));
    CHECK(contains(refused(R"({"url": "rediss://x"})"), redis::has_tls() ? "accepted" : "stunnel"));
    CHECK(contains(refused(R"({"tls_ca": "/ca.pem"})"), "/tls_ca "));
    CHECK(contains(refused(R"({"url": "redis://:secret@x:99999"})"), "/url "));
    CHECK_FALSE(contains(refused(R"({"url": "redis://:secret@x:99999"})"), "secret"));
    CHECK(contains(refused(R"({"host": "x", "socket": "/y"})"), "/socket "));
    CHECK(contains(refused(R"({"claim_idle_ms": 1})"), "/claim_idle_ms"));
    CHECK(contains(refused(R"({"body_field": "h:x"})"), "/body_field "));
    CHECK(contains(refused(R"({"body_field": "a", "key_field": "a"})"), "/key_field "));
    CHECK(contains(refused(R"({"trim": "always"})"), "/trim "));
    CHECK(contains(refused(R"({"consumer": "volley-x"})"), "/consumer "));
    CHECK(contains(refused(R"({"from": "middle"})"), "/from"));
    CHECK(contains(refused("{}", ""), "empty"));
}

TEST_CASE("addresses of every kind are accepted", "[redis-streams]") {
    for (const char* config :
         {R"({"url": "redis://user:p%40ss@redis.example.com:6380/2"})", R"({"url": "redis://[::1]:6380"})",
          R"({"url": "unix:///run/redis.sock"})", R"({"socket": "/run/redis.sock"})", R"({"host": "::1"})",
          R"({"host": "redis.example.com:6380", "username": "u", "password": "p", "db": 3})"}) {
        CHECK(refused(config) == "accepted");
    }
}
