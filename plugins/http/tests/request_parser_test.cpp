// Requests in pieces of every size, and those of which two readers could think differently.
#include "request_parser.hpp"

#include <catch2/catch.hpp>

using volley::http::RequestParser;
using State = RequestParser::State;

namespace {

// Feeds all of it in pieces of that size, as the server does. Returns what was not taken.
std::string feed(RequestParser& parser, std::string text, std::size_t piece = 1 << 20) {
    while (!text.empty() && parser.state() != State::done && parser.state() != State::failed) {
        text.erase(0, parser.feed(std::string_view(text).substr(0, piece)));
        if (parser.state() == State::head_done) parser.read_body();
    }
    return text;
}

int status_of(const std::string& text, std::uint64_t most = 100) {
    RequestParser parser(most);
    feed(parser, text);
    return parser.state() == State::failed ? parser.status() : parser.state() == State::done ? 200 : 0;
}

const std::string post = "POST / HTTP/1.1\r\n";

}  // namespace

TEST_CASE("a request in pieces", "[http]") {
    const std::size_t piece = GENERATE(1u, 2u, 3u, 7u, 1000u);
    RequestParser parser(100);
    const std::string left =
        feed(parser,
             "\r\nPOST /in?x=1 HTTP/1.1\r\nHost: a\r\nVolley-Key:  k 1 \r\nContent-Length: 5\r\n\r\n"
             "helloNEXT",
             piece);
    REQUIRE(parser.state() == State::done);
    CHECK(parser.request().method == "POST");
    CHECK(parser.request().path == "/in");
    CHECK(parser.request().header("volley-key") == "k 1");
    CHECK(parser.request().body == "hello");
    CHECK(parser.request().keeps_alive);
    CHECK(left == "NEXT");
}

TEST_CASE("a chunked body in pieces", "[http]") {
    const std::size_t piece = GENERATE(1u, 2u, 5u, 1000u);
    RequestParser parser(100);
    const std::string left =
        feed(parser,
             post +
                 "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n, world...\r\n0\r\n"
                 "Trailer: t\r\n\r\nNEXT",
             piece);
    REQUIRE(parser.state() == State::done);
    CHECK(parser.request().body == "hello, world...");
    CHECK(left == "NEXT");
}

TEST_CASE("what ends a connection", "[http]") {
    RequestParser old(100);
    feed(old, "POST / HTTP/1.0\r\n\r\n");
    CHECK_FALSE(old.request().keeps_alive);
    RequestParser closing(100);
    feed(closing, post + "Connection: Close\r\n\r\n");
    CHECK_FALSE(closing.request().keeps_alive);
}

TEST_CASE("what is ambiguous or malformed is refused", "[http]") {
    CHECK(status_of(post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
    CHECK(status_of(post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc") == 400);
    CHECK(status_of(post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc") == 200);
    CHECK(status_of(post + "Content-Length: +3\r\n\r\nabc") == 400);
    CHECK(status_of(post + "Content-Length: 99999999999999999999\r\n\r\n") == 400);
    CHECK(status_of(post + "Transfer-Encoding: gzip, chunked\r\n\r\n") == 501);
    CHECK(status_of(post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n") == 400);
    CHECK(status_of(post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n") == 400);
    CHECK(status_of(post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n") == 400);
    CHECK(status_of(post + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n") == 400);
    CHECK(status_of(post + "Name : x\r\n\r\n") == 400);
    CHECK(status_of(post + " folded\r\n\r\n") == 400);
    CHECK(status_of(post + "A: b\nC: d\r\n\r\n") == 400);
    CHECK(status_of(post + std::string("A: b\0c\r\n\r\n", 10)) == 400);
    CHECK(status_of("POST  / HTTP/1.1\r\n\r\n") == 400);
    CHECK(status_of("POST / HTTP/2.0\r\n\r\n") == 505);
    CHECK(status_of("nonsense\r\n\r\n") == 400);
    CHECK(status_of(post + "Expect: miracles\r\n\r\n") == 417);
}

TEST_CASE("nothing grows without a limit", "[http]") {
    CHECK(status_of(post + "Content-Length: 101\r\n\r\n") == 413);
    CHECK(status_of(post + "Content-Length: 100\r\n\r\n" + std::string(100, 'x')) == 200);
    CHECK(status_of(post + "Transfer-Encoding: chunked\r\n\r\n64\r\n" + std::string(100, 'x') +
                    "\r\n1\r\n") == 413);
    CHECK(status_of(post + "A: " + std::string(20'000, 'x')) == 431);
    CHECK(status_of(post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(2'000, 'x')) == 400);
    std::string trailer = post + "Transfer-Encoding: chunked\r\n\r\n0\r\n";
    for (int i = 0; i < 100; ++i) trailer += "T: " + std::string(500, 'x') + "\r\n";
    CHECK(status_of(trailer) == 431);
}
