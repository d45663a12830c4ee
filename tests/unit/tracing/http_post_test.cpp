#include "tracing/http_post.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <string>

namespace volley::tracing {

TEST_CASE("the head of an answer") {
    const auto head = read_head(
        "HTTP/1.1 503 Service Unavailable\r\nRETRY-AFTER:  7 \r\nContent-Length:12\r\nNonsense\r\n");
    REQUIRE(head);
    CHECK(head->status == 503);
    CHECK(head->retry_after == std::chrono::seconds(7));
    CHECK(head->content_length == 12);
    CHECK(read_head("HTTP/1.0 200\r\n")->content_length == std::string_view::npos);
    CHECK(read_head("HTTP/1.1 200 OK\r\nContent-Length: -1\r\nRetry-After: Fri, 31 Dec\r\n")
              ->retry_after.count() == 0);
}

TEST_CASE("what is no answer of HTTP/1") {
    for (const char* text :
         {"", "HTTP/1.1", "HTTP/1.1 2", "HTTP/1.1 99 x", "HTTP/1.1 999 x", "HTTP/2 200 OK xxxx",
          "SSH-2.0-OpenSSH_9.2", "HTTP/1.1 -20 OK", "HTTP/1.1x200 OK"})
        CHECK_FALSE(read_head(text));
}

TEST_CASE("garbage is refused or read, and is no reason to crash") {
    std::mt19937 random(2);  // NOLINT: the same every time
    for (int i = 0; i < 20'000; ++i) {
        std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nRetry-After: 3\r\n";
        for (int n = 0; n < 4; ++n) text[random() % text.size()] = static_cast<char>(random());
        text.resize(random() % 70);
        const auto head = read_head(text);
        if (head) CHECK((head->status >= 100 && head->status <= 599));
    }
}

}  // namespace volley::tracing
