// What a handler has, how long it has had it, and what is out of time.
#include "runtime/pending_calls.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace volley::runtime;
using std::chrono::milliseconds;

namespace {

void begin(PendingCalls& calls, const std::vector<Place>& places, milliseconds at) {
    calls.begin(places.data(), places.size(), 1, at);
}

}  // namespace

TEST_CASE("the oldest pending message determines the next deadline", "[pending_calls]") {
    PendingCalls calls;
    CHECK(calls.next_deadline(milliseconds(100)) == Nanoseconds::max());
    begin(calls, {0, 1}, milliseconds(10));
    begin(calls, {2}, milliseconds(20));
    CHECK(calls.count() == 3);
    CHECK(calls.next_deadline(milliseconds(100)) == milliseconds(110));
    CHECK(calls.since_ms() == 10);
    calls.end(0);
    calls.end(1);
    calls.find_overdue(milliseconds(100), milliseconds(30));
    CHECK(calls.next_deadline(milliseconds(100)) == milliseconds(120));
    CHECK(calls.since_ms() == 20);
    calls.end(2);
    CHECK(calls.next_deadline(milliseconds(100)) == Nanoseconds::max());
    CHECK(calls.since_ms() == 0);
}

TEST_CASE("a message is overdue once, and only while it is pending", "[pending_calls]") {
    PendingCalls calls;
    begin(calls, {0}, milliseconds(10));
    begin(calls, {1}, milliseconds(20));
    begin(calls, {2}, milliseconds(30));
    calls.end(1);
    calls.find_overdue(milliseconds(100), milliseconds(109));
    CHECK(calls.overdue() == 0);
    calls.find_overdue(milliseconds(100), milliseconds(125));
    calls.find_overdue(milliseconds(100), milliseconds(125));
    CHECK(calls.overdue() == 1);
    CHECK(calls[0].is_overdue);
    CHECK(calls.next_deadline(milliseconds(100)) == milliseconds(130));  // of the last; the first is overdue
    calls.end(0);
    CHECK(calls.overdue() == 0);
    CHECK(calls.count() == 1);
}

TEST_CASE("without a limit no message is overdue", "[pending_calls]") {
    PendingCalls calls;
    begin(calls, {0}, milliseconds(10));
    calls.find_overdue(milliseconds(0), std::chrono::hours(10));
    CHECK(calls.overdue() == 0);
    CHECK(calls.next_deadline(milliseconds(0)) == Nanoseconds::max());
}

TEST_CASE("a place that is free again names another message", "[pending_calls]") {
    PendingCalls calls;
    begin(calls, {0, 1}, milliseconds(10));
    calls.end(0);
    begin(calls, {0}, milliseconds(50));
    CHECK(calls.next_deadline(milliseconds(100)) == milliseconds(110));
    calls.end(1);
    calls.find_overdue(milliseconds(100), milliseconds(115));  // the first in place 0 would be overdue
    CHECK(calls.overdue() == 0);
    CHECK(calls.next_deadline(milliseconds(100)) == milliseconds(150));
}

TEST_CASE("all that are pending end in the order of their start", "[pending_calls]") {
    PendingCalls calls;
    begin(calls, {3, 1}, milliseconds(10));
    begin(calls, {2, 0}, milliseconds(20));
    calls.end(2);
    calls.find_overdue(milliseconds(5), milliseconds(17));
    CHECK(calls.end_all() == std::vector<Place>{3, 1, 0});
    CHECK(calls.count() == 0);
    CHECK(calls.overdue() == 0);
    CHECK(calls.end_all().empty());
}
