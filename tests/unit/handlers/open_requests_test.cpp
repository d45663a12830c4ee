// The messages of a child that are not finished: their ids, their groups, and what skipped ones become.
#include "handlers/open_requests.hpp"

#include <catch2/catch.hpp>

#include "fake_jobs.hpp"

using namespace volley::handlers;

namespace {

constexpr std::uint64_t first_id = 1'000'000;

struct Open {
    explicit Open(const std::vector<std::uint32_t>& groups) : fake(groups), requests(fake.table) {
        requests.add(fake.tasks.data(), fake.count(), sizeof(volley_task));
    }
    void send_all() {
        for (OpenRequest& request : requests.all()) requests.send(request, 0);
    }
    std::int32_t status(std::size_t i) const { return fake.tasks[i].status; }

    FakeJobs fake;
    OpenRequests requests;
};

}  // namespace

TEST_CASE("an id names a message only while the child has it", "[open_requests]") {
    Open open({0, 0});
    CHECK(open.requests.in_child(first_id) == nullptr);  // not sent
    open.send_all();
    OpenRequest* const first = open.requests.in_child(first_id);
    REQUIRE(first != nullptr);
    CHECK(open.requests.in_child(first_id + 2) == nullptr);
    CHECK(open.requests.in_child(std::nullopt) == nullptr);
    open.requests.finish(*first, VOLLEY_OK);
    CHECK(open.requests.in_child(first_id) == nullptr);
    open.requests.drop_finished();
    CHECK(open.requests.in_child(first_id) == nullptr);
    CHECK(open.requests.in_child(first_id + 1) == &open.requests.all().front());
    CHECK(open.requests.id_of(0) == first_id + 1);
    open.requests.begin_child();
    CHECK(open.requests.in_child(first_id + 1) == nullptr);
    CHECK_FALSE(open.requests.is_waiting());
}

TEST_CASE("messages are finished in any order, and dropped from the oldest on", "[open_requests]") {
    Open open({0, 0, 0});
    open.send_all();
    open.requests.finish(open.requests.all()[1], VOLLEY_OK);
    open.requests.drop_finished();
    CHECK(open.requests.all().size() == 3);
    open.requests.finish(open.requests.all()[0], VOLLEY_DROP);
    open.requests.drop_finished();
    CHECK(open.requests.all().size() == 1);
    CHECK(open.requests.is_waiting());
    give_back(open.requests);
    CHECK(open.requests.is_over());
    CHECK_FALSE(open.requests.is_waiting());
    CHECK(open.requests.finished() == 3);
    CHECK(open.status(2) == VOLLEY_AGAIN);
    for (const auto& job : open.fake.jobs) CHECK(job.finished == 1);
}

TEST_CASE("skipped messages are judged when those before them in their group are done", "[open_requests]") {
    Open open({5, 5, 5});
    open.send_all();
    auto& all = open.requests.all();
    open.requests.skip(all[1]);
    open.requests.skip(all[2]);
    CHECK(open.status(1) == VOLLEY_PENDING);
    SECTION("the first one fails") {
        open.requests.finish(all[0], VOLLEY_E_RETRY);
        CHECK(open.status(1) == VOLLEY_AGAIN);
        CHECK(open.status(2) == VOLLEY_AGAIN);
        CHECK(open.requests.groups().failed_in_call() == 1);
    }
    SECTION("the first one succeeds") {
        open.requests.finish(all[0], VOLLEY_OK);
        CHECK(open.status(1) == VOLLEY_E_RETRY);  // nothing before it has failed
        CHECK(open.status(2) == VOLLEY_AGAIN);    // … and now something has
    }
    open.requests.drop_finished();
    CHECK(open.requests.is_over());
}

TEST_CASE("a group that comes back has another chain", "[open_requests]") {
    Open open({5, 6});
    const std::uint64_t chain = open.requests.groups()[5].chain;
    CHECK(open.requests.groups()[6].chain != chain);
    open.requests.finish(open.requests.all()[0], VOLLEY_E_RETRY);
    open.requests.drop_finished();
    FakeJobs later({5});
    open.requests.add(later.tasks.data(), 1, sizeof(volley_task));
    CHECK(open.requests.groups()[5].chain != chain);
    CHECK_FALSE(open.requests.groups()[5].has_failed);
}
