// What an operator sees of the messages that pass, and what it costs those that nobody looks at.
#include "runtime/tap.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "operations/tap_stream.hpp"

using volley::Config;
using volley::view_of;
using volley::operations::TapStream;
using volley::runtime::Tap;
using volley::runtime::TappedMessage;
using Direction = volley::runtime::TappedMessage::Direction;

namespace {

volley_message message_of(const std::string& body) {
    volley_message message{};
    message.partition = -1;
    message.offset = -1;
    message.body = view_of(body);
    return message;
}

Tap::Settings fast() {
    Tap::Settings settings;
    settings.per_second = 1'000'000;
    return settings;
}

}  // namespace

TEST_CASE("what is not taken in time is dropped and counted", "[tap]") {
    Tap tap;
    REQUIRE(!tap.is_on());
    REQUIRE(tap.begin(fast()));
    REQUIRE(!tap.begin(fast()));
    const std::string body = "{}";
    const auto message = message_of(body);
    for (std::size_t i = 0; i < Tap::most_kept + 44; ++i) tap.note(Direction::in, "in", message);
    auto taken = tap.take();
    CHECK(taken.messages.size() == Tap::most_kept);
    CHECK(taken.dropped == 44);
    CHECK(taken.seen == Tap::most_kept + 44);
    CHECK(tap.take().messages.empty());
    tap.end();
    CHECK(!tap.is_on());
    REQUIRE(tap.begin(fast()));
    CHECK(tap.take().seen == 0);
}

TEST_CASE("one of so many, one direction, and only the beginning is copied", "[tap]") {
    Tap tap;
    auto settings = fast();
    settings.every = 10;
    settings.directions = 1U << static_cast<unsigned>(Direction::out);
    REQUIRE(tap.begin(settings));
    const std::string body(3 * Tap::longest_copy, 'x');
    volley_record record{};
    record.body = view_of(body);
    const auto message = message_of(body);
    for (int i = 0; i < 100; ++i) {
        tap.note(Direction::in, "in", message);
        tap.note(Direction::out, "out", record);
    }
    const auto taken = tap.take();
    REQUIRE(taken.messages.size() == 10);
    CHECK(taken.seen == 100);
    CHECK(taken.left_out == 90);
    CHECK(taken.messages[0].queue == "out");
    CHECK(taken.messages[0].body.size() == Tap::longest_copy);
    CHECK(taken.messages[0].body_bytes == body.size());
}

TEST_CASE("a rate leaves out the rest", "[tap]") {
    Tap tap;
    Tap::Settings settings;
    settings.per_second = 2;
    REQUIRE(tap.begin(settings));
    const auto message = message_of("");
    for (int i = 0; i < 1000; ++i) tap.note(Direction::in, "in", message);
    const auto taken = tap.take();
    CHECK(taken.messages.size() >= 2);
    CHECK(taken.messages.size() + taken.left_out == 1000);
}

TEST_CASE("many threads write while one reads and another comes and goes", "[tap]") {
    Tap tap;
    REQUIRE(tap.begin(fast()));
    std::vector<std::thread> writers;
    constexpr std::uint64_t each = 5000;
    for (int i = 0; i < 4; ++i)
        writers.emplace_back([&tap] {
            const std::string body = "{}";
            const auto message = message_of(body);
            for (std::uint64_t n = 0; n < each; ++n) tap.note(Direction::in, "in", message);
        });
    std::uint64_t got = 0;
    for (int i = 0; i < 100; ++i) got += tap.take().messages.size();
    for (auto& writer : writers) writer.join();
    const auto rest = tap.take();
    CHECK(got + rest.messages.size() + rest.dropped + rest.left_out == 4 * each);
    CHECK(rest.seen == 4 * each);
}

TEST_CASE("a stream masks secrets, follows a reload and ends with its client", "[tap]") {
    auto first = std::make_shared<Tap>();
    auto second = std::make_shared<Tap>();
    std::shared_ptr<Tap> now = first;
    auto config = std::make_shared<Config>();
    config->operations.token = "tok-1234567890";
    auto stream = std::make_unique<TapStream>([&](const std::string&) { return now; }, "ship", fast(),
                                              [&] { return std::shared_ptr<const Config>(config); });
    REQUIRE(stream->is_open());
    const std::string header = "Authorization", value = "Bearer abcdefgh";
    const volley_header headers[] = {{view_of(header), view_of(value)}};
    // A secret that is cut is masked before.
    const std::string body = R"({"password": "hunter22", "at": ")" + std::string(340, 'x') +
                             R"(", "t": "tok-1234567890"})" + "\x1b[31m";
    auto message = message_of(body);
    message.headers = headers;
    message.header_count = 1;
    first->note(Direction::in, "orders", message);
    const std::string event = stream->events();
    CHECK(event.find("hunter22") == std::string::npos);
    CHECK(event.find("tok-1") == std::string::npos);
    CHECK(event.find("abcdefgh") == std::string::npos);
    CHECK(event.find("***") != std::string::npos);
    CHECK(event.find('\x1b') == std::string::npos);
    CHECK(event.find("\"direction\":\"in\"") != std::string::npos);
    CHECK(event.ends_with("\n\n"));

    TapStream other([&](const std::string&) { return now; }, "ship", fast(),
                    [&] { return std::shared_ptr<const Config>(config); });
    CHECK(!other.is_open());

    now = second;
    stream->events();
    CHECK(!first->is_on());
    CHECK(second->is_on());
    now = nullptr;  // the component is gone
    CHECK(stream->events().find("\"messages\":[]") != std::string::npos);
    stream.reset();
    CHECK(!second->is_on());
}
