// What the connector says about a configuration, and about a broker that is not there.
#include "rig.hpp"

using namespace volley;
using namespace volley::test;

namespace {

// Returns the key and the text of the error with which a consumer is refused.
std::string refused(const std::string& config, const std::string& value = "q") {
    Rig rig("amqp.so");
    const auto made = rig.create_consumer(value, config);
    return made ? "accepted" : made.error().field + " " + made.error().text;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a wrong configuration is refused with its key", "[amqp]") {
    CHECK(contains(refused(R"({"url": "http://x"})"), "/url "));
    CHECK(contains(refused(R"({"url": "amqp://:secret@x:port"})"), "/url "));
    CHECK_FALSE(contains(refused(R"({"url": "amqp://:secret@x:port"})"), "secret"));
    CHECK(contains(refused(R"({"url": "amqp://x", "host": "y"})"), "/host "));
    CHECK(contains(refused(R"({"tls_ca": "x"})"), "/tls_ca "));
    CHECK(contains(refused(R"({"tls": true, "tls_key": "x"})"), "/tls_key "));
    CHECK(contains(refused(R"({"prefetch": 0})"), "/prefetch"));
    CHECK(contains(refused(R"({"nack": "reject"})"), "/nack "));
    CHECK(contains(refused(R"({"declare": "passive", "queue_type": "quorum"})"), "/queue_type "));
    CHECK(contains(refused(R"({"queue_type": "quorum", "durable": false})"), "/durable "));
    CHECK(contains(refused(R"({"dead_letter_routing_key": "x"})"), "/dead_letter_routing_key "));
    CHECK(contains(refused(R"({"routing_key": "x"})"), "/routing_key "));
    CHECK(contains(refused("{}", ""), "1 to 255"));
    CHECK(contains(refused("{}", std::string(256, 'q')), "1 to 255"));
    CHECK(contains(refused("{}", "amq.x"), "amq."));
}

TEST_CASE("what is right is accepted", "[amqp]") {
    for (const char* config :
         {"{}", R"({"url": "amqps://user:p%40ss@broker.example.com:5671/%2F"})",
          R"({"host": "::1", "username": "u", "password": "p", "vhost": "shop"})",
          R"({"nack": "reject", "dead_letter_exchange": ""})", R"({"nack": "reject", "declare": "passive"})",
          R"({"exchange": "orders", "routing_key": ""})"}) {
        CHECK(refused(config) == "accepted");
    }
}

TEST_CASE("a broker that is not there is waited for", "[amqp]") {
    Rig rig("amqp.so");
    auto consumer = rig.create_consumer("q", R"({"port": 1})");
    REQUIRE(consumer.has_value());
    const auto opened = consumer->open();
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == ErrorCode::retry);
    CHECK(contains(opened.error().text, "Is it up?"));
}
