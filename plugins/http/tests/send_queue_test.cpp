#include "send_queue.hpp"

#include <catch2/catch.hpp>

#include "volley/view.hpp"

using volley::http::SendQueue;

namespace {

volley_record record(std::uint64_t token, const char* key = nullptr) {
    volley_record r{};
    r.token = token;
    if (key != nullptr) r.key = volley::view_of(key);
    return r;
}

std::uint64_t next(SendQueue& queue) {
    const auto r = queue.next();
    return r ? r->token : 0;
}

}  // namespace

TEST_CASE("of one key one record at a time is sent, in order; others pass", "[http]") {
    SendQueue queue;
    queue.add(record(1, "a"));
    queue.add(record(2, "a"));
    queue.add(record(3));
    queue.add(record(4, "b"));
    queue.add(record(5, "a"));
    queue.add(record(6));
    CHECK(queue.size() == 6);
    CHECK(next(queue) == 1);
    CHECK(next(queue) == 3);
    CHECK(next(queue) == 4);
    CHECK(next(queue) == 6);
    CHECK(next(queue) == 0);
    queue.done(record(3));
    CHECK(next(queue) == 0);
    queue.done(record(1, "a"));
    CHECK(next(queue) == 2);
    queue.done(record(2, "a"));
    CHECK(next(queue) == 5);
    queue.done(record(5, "a"));
    queue.add(record(7, "a"));
    CHECK(next(queue) == 7);
    CHECK(queue.size() == 0);
}

TEST_CASE("what waits behind a record that failed is taken with it", "[http]") {
    SendQueue queue;
    queue.add(record(1, ""));
    queue.add(record(2, ""));
    queue.add(record(3, ""));
    CHECK(next(queue) == 1);
    const auto behind = queue.take_behind(record(1, ""));
    REQUIRE(behind.size() == 2);
    CHECK((behind[0].token == 2 && behind[1].token == 3));
    queue.done(record(1, ""));
    CHECK(queue.size() == 0);
    queue.add(record(4, ""));
    CHECK(next(queue) == 4);
}
