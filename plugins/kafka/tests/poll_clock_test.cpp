// Gaps between polls, and when fetching resumes. Needs no broker.
#include "poll_clock.hpp"

#include <catch2/catch.hpp>

using namespace volley::kafka;

TEST_CASE("a gap is seen after the next poll, too", "[kafka]") {
    PollClock clock;
    clock.record(1000);
    CHECK(clock.gap_ms(1000) == 0);  // the first poll follows none
    CHECK(clock.gap_ms(1300) == 300);
    clock.record(9000);
    CHECK(clock.gap_ms(9000) == 8000);
    clock.record(9010);
    CHECK(clock.gap_ms(9010) == 10);
    CHECK(clock.gap_ms(9500) == 490);
}

TEST_CASE("fetching resumes after messages, at most every ten milliseconds", "[kafka]") {
    FetchResume resume;
    CHECK_FALSE(resume.is_due(1000));
    CHECK(resume.wait(50, 1000) == 50);
    resume.note_received();
    CHECK(resume.is_due(1000));
    resume.resumed(1000);
    CHECK_FALSE(resume.is_due(1000 + FetchResume::every_ms));
    resume.note_received();
    CHECK_FALSE(resume.is_due(1003));
    CHECK(resume.wait(50, 1003) == 7);  // a wait ends when the next resume is due
    CHECK(resume.wait(5, 1003) == 5);
    CHECK(resume.is_due(1000 + FetchResume::every_ms));
}
