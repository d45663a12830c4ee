// Configuration: what is accepted, and what an error says.
#include "redis/tls.hpp"
#include "server.hpp"

using namespace volley;
using namespace volley::test;

namespace {

Error refused(const std::string& config, const std::string& queue = "q") {
    Rig rig("rsmq.so");
    auto made = rig.create_consumer(queue, config);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code == ErrorCode::config);
    return made.error();
}

struct Environment {
    explicit Environment(const std::string& host) { ::setenv("REDIS_HOST", host.c_str(), 1); }
    ~Environment() { ::unsetenv("REDIS_HOST"); }
};

}  // namespace

TEST_CASE("a wrong value names its key", "[rsmq]") {
    CHECK(refused(R"({"port": 70000})").field == "/port");
    CHECK(refused(R"({"maxsize": 100})").field == "/maxsize");
    CHECK(refused(R"({"host": "a:b"})").field == "/host");
    CHECK(refused(R"({"url": "redis://h:99999"})").field == "/url");
    CHECK(refused(R"({"url": "http://h"})").field == "/url");
}

TEST_CASE("TLS is accepted, or refused with a hint to a TLS proxy if hiredis has none", "[rsmq]") {
    for (const char* config : {R"({"tls": true})", R"({"url": "rediss://h"})"}) {
        const auto made = Rig("rsmq.so").create_consumer("q", config);
        CHECK(made.has_value() == redis::has_tls());
        if (made) continue;
        CHECK(made.error().text.find("stunnel") != std::string::npos);
        CHECK_FALSE(made.error().field.empty());
    }
}

TEST_CASE("an error about a URL does not repeat its password", "[rsmq]") {
    CHECK(refused(R"({"url": "redis://me:canary@h:port"})").text.find("canary") == std::string::npos);
}

TEST_CASE("two addresses are an error", "[rsmq]") {
    CHECK(refused(R"({"url": "redis://h", "host": "h"})").text.find("choose one") != std::string::npos);
    CHECK(refused(R"({"host": "h", "socket": "/s"})").field == "/socket");
    CHECK(refused(R"({"url": "redis://h", "socket": "/s"})").field == "/socket");
}

TEST_CASE("a queue's name is as PyRSMQ or node's rsmq allows", "[rsmq]") {
    refused("{}", "a\nb");
    refused("{}", "a:b");
    refused("{}", std::string(161, 'a'));
    Rig rig("rsmq.so");
    CHECK(rig.create_consumer("PyRSMQ.has-dots_too", "{}").has_value());
    CHECK(rig.create_consumer("gr\u00fcn/und anderes", "{}").has_value());
}

TEST_CASE("URL, host, Unix socket and REDIS_HOST lead to the same Redis", "[rsmq]") {
    RsmqRig rig;
    const std::string port = std::to_string(rig.port());
    auto producer = rig.producer();
    const auto arrives = [&](const std::string& config) {
        auto consumer = rig.Rig::consumer("q", config);
        send(producer, {"x"});
        const auto got = take_all(consumer, 1);
        return settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK};
    };
    CHECK(arrives(R"({"url": "redis://127.0.0.1:)" + port + R"("})"));
    CHECK(arrives(R"({"url": "redis://127.0.0.1:)" + port + R"(/0"})"));
    CHECK(arrives(R"({"host": "127.0.0.1:)" + port + R"("})"));
    CHECK(arrives(R"({"socket": ")" + rig.folder() + R"(/socket"})"));
    CHECK(arrives(R"({"url": "unix://)" + rig.folder() + R"(/socket"})"));
    const Environment environment("127.0.0.1:" + port);
    CHECK(arrives("{}"));
}

TEST_CASE("the file overrides REDIS_HOST", "[rsmq]") {
    RsmqRig rig;
    const Environment environment("192.0.2.1:1");
    auto consumer =
        rig.Rig::consumer("q", R"({"host": "127.0.0.1", "port": )" + std::to_string(rig.port()) + "}");
    CHECK(take(consumer, 1).empty());
}

TEST_CASE("a user and a password of the URL may have any character, as %XX", "[rsmq]") {
    RsmqRig rig;
    CHECK(rig.command({"ACL", "SETUSER", "me@x", "on", ">a:b/c", "~*", "&*", "+@all"}) == "OK");
    auto consumer = rig.Rig::consumer(
        "q", R"({"url": "redis://me%40x:a%3Ab%2Fc@127.0.0.1:)" + std::to_string(rig.port()) + R"("})");
    CHECK(take(consumer, 1).empty());
}

TEST_CASE("queues of the same name in two databases are separate", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer("q", ", \"db\": 3");
    send(producer, {"x"});
    CHECK(rig.waiting() == "0");
    auto consumer = rig.consumer("q", ", \"db\": 3");
    CHECK(take_all(consumer, 1).size() == 1);
}

TEST_CASE("wrong credentials are unauthorized, and a user without INFO can use queues", "[rsmq]") {
    RsmqRig rig;
    rig.command(
        {"ACL", "SETUSER", "plain", "on", ">pw", "~rsmq:*", "&rsmq:*", "+@all", "-@dangerous", "-@admin"});
    auto wrong = rig.create_consumer("q", rig.config(R"(, "username": "plain", "password": "no")"));
    REQUIRE(wrong.has_value());
    CHECK(wrong->open().error().code == ErrorCode::unauthorized);
    auto consumer = rig.consumer("q", R"(, "username": "plain", "password": "pw")");
    auto producer = rig.producer("q", R"(, "username": "plain", "password": "pw")");
    send(producer, {"x"});
    CHECK(bodies(take_all(consumer, 1)) == Bodies{"x"});
}

TEST_CASE("a queue is created with the configured attributes, and an existing one keeps its own", "[rsmq]") {
    RsmqRig rig;
    auto first = rig.consumer("q", R"(, "delay": 7, "maxsize": 2048)");
    CHECK(rig.command({"HMGET", "rsmq:q:Q", "vt", "delay", "maxsize"}) == "30 7 2048");
    CHECK(rig.command({"SISMEMBER", "rsmq:QUEUES", "q"}) == "1");
    auto second = rig.consumer("q", R"(, "delay": 8, "maxsize": -1)");
    CHECK(rig.command({"HMGET", "rsmq:q:Q", "vt", "delay", "maxsize"}) == "30 7 2048");
    CHECK(rig.attribute("created").size() == 10);
}

TEST_CASE("create false refuses a missing queue", "[rsmq]") {
    RsmqRig rig;
    auto consumer = rig.create_consumer("q", rig.config(", \"create\": false"));
    REQUIRE(consumer.has_value());
    CHECK(consumer->open().error().code == ErrorCode::config);
    CHECK(rig.command({"EXISTS", "rsmq:q:Q"}) == "0");
}

TEST_CASE("a key of another type is a configuration error", "[rsmq]") {
    RsmqRig rig;
    rig.command({"SET", "rsmq:q:Q", "not a queue"});
    auto consumer = rig.create_consumer("q", rig.config());
    REQUIRE(consumer.has_value());
    CHECK(consumer->open().error().code == ErrorCode::config);
}
