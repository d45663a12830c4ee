// Which messages a child is at work on, and which of them a child that ends is blamed for.
#include "handlers/at_work.hpp"

#include <catch2/catch.hpp>

#include "fake_jobs.hpp"

using namespace volley::handlers;

namespace {

const AtWork::Clock::time_point begin{std::chrono::hours(1)};

struct Working {
    Working(const std::vector<std::uint32_t>& groups, std::uint32_t concurrency)
        : fake(groups), requests(fake.table), at_work(fake.table, requests, concurrency) {
        requests.add(fake.tasks.data(), fake.count(), sizeof(volley_task));
        std::uint64_t position = 0;
        for (OpenRequest& request : requests.all()) requests.send(request, 100 * position++);
        at_work.note(begin);
    }
    // Which messages are at work.
    std::vector<std::size_t> places() const {
        std::vector<std::size_t> all;
        for (std::size_t i = 0; i < requests.all().size(); ++i)
            if (requests.all()[i].at_work_since != AtWork::Clock::time_point{}) all.push_back(i);
        return all;
    }
    std::int32_t status(std::size_t i) const { return fake.tasks[i].status; }

    FakeJobs fake;
    OpenRequests requests;
    AtWork at_work;
};

}  // namespace

TEST_CASE("the oldest messages are at work, and of a group one", "[at_work]") {
    CHECK(Working({0, 0, 0}, 2).places() == std::vector<std::size_t>{0, 1});
    CHECK(Working({5, 5, 6, 0}, 2).places() == std::vector<std::size_t>{0, 2});
    CHECK(Working({5, 5}, 2).places() == std::vector<std::size_t>{0});
}

TEST_CASE("a message's time begins when it is at work", "[at_work]") {
    Working working({5, 5}, 1);
    const std::chrono::seconds limit(3);
    CHECK(working.at_work.first_deadline(limit) == begin + limit);
    working.requests.finish(working.requests.all()[0], VOLLEY_OK);
    CHECK(working.at_work.first_deadline(limit) == AtWork::Clock::time_point::max());
    working.at_work.note(begin + std::chrono::seconds(10));
    CHECK(working.at_work.first_deadline(limit) == begin + std::chrono::seconds(10) + limit);
    give_back(working.requests);
}

TEST_CASE("the one message at work that was read is blamed; what was not read is not started", "[at_work]") {
    Working working({0, 0}, 2);
    working.at_work.blame(50, VOLLEY_REASON_CRASH, "it died");
    CHECK(working.status(0) == VOLLEY_E_RETRY);
    CHECK(working.fake.tasks[0].reason == VOLLEY_REASON_CRASH);
    CHECK(working.status(1) == VOLLEY_AGAIN);
}

TEST_CASE("of several at work each is to run alone, but one that has sent outputs is blamed", "[at_work]") {
    Working working({0, 0, 0}, 3);
    working.requests.all()[1].has_outputs = true;
    SECTION("if the child was killed") {
        working.at_work.blame(1000, VOLLEY_REASON_CRASH, "it died");
        CHECK(working.status(1) == VOLLEY_E_RETRY);
    }
    SECTION("if it ended by itself") {
        working.at_work.isolate(1000);
        CHECK(working.status(1) == VOLLEY_AGAIN);
    }
    CHECK(working.status(0) == VOLLEY_PENDING);
    CHECK(working.status(2) == VOLLEY_PENDING);
    CHECK(working.requests.all()[0].is_alone);
    give_back(working.requests);
}
