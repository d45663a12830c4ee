// What is to be committed, and when. Needs no broker.
#include "commit_state.hpp"

#include <catch2/catch.hpp>

using namespace volley::kafka;

TEST_CASE("an offset is due until it is stored", "[kafka]") {
    CommitState commit;
    CHECK_FALSE(commit.is_due());
    CHECK(commit.is_done());
    commit.request(5);
    CHECK(commit.is_due());
    CHECK_FALSE(commit.is_done());
    commit.succeed(3);  // an earlier commit
    CHECK(commit.is_due());
    commit.succeed(5);
    CHECK_FALSE(commit.is_due());
    CHECK(commit.is_done());
}

TEST_CASE("neither what is requested nor what is stored goes backwards", "[kafka]") {
    CommitState commit;
    commit.request(5);
    commit.request(2);
    CHECK(commit.requested == 5);
    commit.succeed(5);
    commit.succeed(2);
    CHECK(commit.stored == 5);
    CHECK_FALSE(commit.is_due());
}

TEST_CASE("nobody waits for the offset of a topic that is gone", "[kafka]") {
    CommitState commit;
    commit.request(5);
    commit.fail(true);
    CHECK(commit.is_refused);
    CHECK_FALSE(commit.is_done());  // the topic is looked up first
    commit.topic_is_gone = true;
    CHECK(commit.is_done());
    CHECK(commit.is_due());  // it is still sent again: the topic may come back

    SECTION("it is still gone as long as commits are refused") {
        commit.fail(true);
        CHECK(commit.is_done());
    }
    SECTION("another error means that the broker knows it again") {
        commit.fail(false);
        CHECK_FALSE(commit.is_refused);
        CHECK_FALSE(commit.is_done());
    }
    SECTION("so does a commit that succeeds") {
        commit.succeed(5);
        commit.request(6);
        CHECK_FALSE(commit.is_refused);
        CHECK_FALSE(commit.is_done());
    }
}

TEST_CASE("one commit is in flight at a time, and a failure delays the next", "[kafka]") {
    CommitSchedule schedule;
    CHECK(schedule.may_send(1000));
    schedule.sent();
    CHECK_FALSE(schedule.may_send(1000));
    schedule.ended();
    CHECK(schedule.may_send(1000));
    schedule.sent();
    schedule.ended();
    schedule.failed(1000);
    CHECK_FALSE(schedule.may_send(1000 + CommitSchedule::retry_ms - 1));
    CHECK(schedule.may_send(1000 + CommitSchedule::retry_ms));
}
