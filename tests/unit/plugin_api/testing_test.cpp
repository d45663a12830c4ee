#include "volley/testing.hpp"

#include <catch2/catch.hpp>

using volley::testing::HandlerResult;
using volley::testing::HandlerSettings;
using volley::testing::HandlerTest;
using volley::testing::TestMessage;
using volley::testing::Verdict;

namespace {

// Does what the body says.
struct Obedient : volley::Handler {
    explicit Obedient(const volley::Context& context) : context_(context) {
        if (context.config("refuse", "") == "yes")
            throw volley::Error(volley::ErrorCode::config, "it refuses", "/refuse");
    }
    void handle(const volley::Message& m, volley::Outputs& out) override {
        const std::string_view body = m.body();
        if (body == "retry") throw volley::RetryLater("not now", 1500);
        if (body == "fail") throw volley::Rejected("never");
        if (body == "drop") throw volley::Dropped("not wanted");
        if (body == "throw") throw std::runtime_error("unforeseen");
        if (body == "instance") throw volley::Error(volley::ErrorCode::fatal, "the connection is gone");
        if (body == "log") context_.info("hello");
        if (body == "cancelled") out.send("a", out.cancelled() ? "yes" : "no");
        if (body == "attempt") out.send("a", std::to_string(m.attempt()));
        if (body == "all") out.send_all("everywhere");
        if (body == "tombstone") out.send_tombstone("a");
        if (body == "own") {
            volley::OutputOptions options;
            options.key = "own";
            options.delay_ms = 7;
            options.without_headers = true;
            out.send("a", "", options);
        }
        if (body == "caught") {
            try {
                out.send("unknown", "x");
            } catch (const volley::Rejected&) {
            }
        }
        if (m.is_tombstone()) out.send("a", "gone");
    }
    volley::Context context_;
};

HandlerSettings with_two_outputs() {
    HandlerSettings settings;
    settings.outputs = {"a", "b"};
    return settings;
}

}  // namespace

TEST_CASE("each end of a message is a verdict with its reason") {
    HandlerTest<Obedient> handler(with_two_outputs());
    const HandlerResult later = handler.handle("retry");
    CHECK(later.verdict == Verdict::retry);
    CHECK(later.why == "not now");
    CHECK(later.retry_after_ms == 1500);
    CHECK(handler.handle("fail").verdict == Verdict::failed);
    CHECK(handler.handle("drop").verdict == Verdict::dropped);
    CHECK(handler.handle("throw").verdict == Verdict::retry);
    CHECK(handler.handle("throw").why == "unforeseen");
    const HandlerResult gone = handler.handle("instance");
    CHECK(gone.verdict == Verdict::instance_failed);
    CHECK(gone.why == "the connection is gone");
    CHECK(handler.handle("nothing").verdict == Verdict::done);
}

TEST_CASE("outputs have what their stores would get") {
    HandlerTest<Obedient> handler(with_two_outputs());
    TestMessage message;
    message.key = "k";
    message.headers = {{"name", "value"}, {"null", std::nullopt}};
    message.body = "all";
    const HandlerResult all = handler.handle(message);
    REQUIRE(all.outputs.size() == 2);
    CHECK(all.outputs[0].queue == "a");
    CHECK(all.outputs[1].queue == "b");
    CHECK(all.outputs[1].body == "everywhere");
    CHECK(all.outputs[1].key == "k");
    REQUIRE(all.outputs[1].headers.size() == 2);
    CHECK(all.outputs[1].headers[0].value == "value");
    CHECK(!all.outputs[1].headers[1].value);

    message.body = "own";
    const HandlerResult own = handler.handle(message);
    REQUIRE(own.outputs.size() == 1);
    CHECK(own.outputs[0].key == "own");
    CHECK(own.outputs[0].headers.empty());
    CHECK(own.outputs[0].delay_ms == 7);
    CHECK(own.outputs[0].body == "");

    CHECK(!handler.handle("tombstone").outputs.at(0).body);
    CHECK(handler.handle(TestMessage()).outputs.at(0).body == "gone");
}

TEST_CASE("an output to a queue that the component does not have fails the message, also if it is caught") {
    HandlerTest<Obedient> handler(with_two_outputs());
    const HandlerResult result = handler.handle("caught");
    CHECK(result.verdict == Verdict::failed);
    CHECK(result.why == "the component has no output \"unknown\"");
    CHECK(result.outputs.empty());
}

TEST_CASE("a handler gets its configuration, attempt, cancellation and log") {
    HandlerSettings refusing;
    refusing.config = {{"refuse", "yes"}};
    CHECK_THROWS_AS(HandlerTest<Obedient>(refusing), volley::Error);
    HandlerTest<Obedient> handler;
    TestMessage message;
    message.body = "attempt";
    message.attempt = 3;
    CHECK(handler.handle(message).outputs.at(0).body == "3");
    message.body = "cancelled";
    message.is_cancelled = true;
    CHECK(handler.handle(message).outputs.at(0).body == "yes");
    handler.handle("log");
    REQUIRE(handler.log().size() == 1);
    CHECK(handler.log()[0] == "hello");
}
