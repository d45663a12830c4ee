// How long queries may block. Needs no broker.
#include "query_pause.hpp"

#include <catch2/catch.hpp>

using namespace volley::kafka;

TEST_CASE("a query that waited in vain is followed by a pause", "[kafka]") {
    QueryPause pause;
    CHECK_FALSE(pause.is_active(5000));
    pause.note_failure(5000, 5000 + QueryPause::timeout_ms);
    CHECK(pause.is_active(5000 + QueryPause::timeout_ms));
    CHECK(pause.is_active(5000 + QueryPause::timeout_ms + QueryPause::pause_ms - 1));
    CHECK_FALSE(pause.is_active(5000 + QueryPause::timeout_ms + QueryPause::pause_ms));
    pause.note_failure(5000, 5000 + QueryPause::timeout_ms);
    pause.end();
    CHECK_FALSE(pause.is_active(5000 + QueryPause::timeout_ms));
}

TEST_CASE("a query that failed at once starts no pause, and ends none", "[kafka]") {
    QueryPause pause;
    pause.note_failure(5000, 5001);
    CHECK_FALSE(pause.is_active(5001));
    pause.note_failure(5000, 5000 + QueryPause::timeout_ms);
    pause.note_failure(7000, 7001);
    CHECK(pause.is_active(7001));
}
