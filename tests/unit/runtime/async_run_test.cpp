// Messages that complete one by one: what is handed on when, and what runs alone.
#include "runtime/async_run.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <thread>

#include "handle_rig.hpp"
#include "log/log.hpp"

using namespace handler_rig;

namespace {

// A handler that leaves everything pending, and an AsyncRun in front of it.
struct Asynchronous {
    explicit Asynchronous(std::uint32_t concurrency = 4, std::optional<BatchConfig> batch = std::nullopt) {
        log::configure(log::Level::off, log::Format::text);
        rig.pipeline.is_async = true;
        rig.pipeline.config.concurrency = concurrency;
        rig.pipeline.config.batch = batch;
        rig.pipeline.in_process = true;
        run.emplace(rig.pipeline, 0, slot, results, [] {});
        rig.pipeline.max_message_bytes = 1000;
        results.prepare();
        slot.join();
        script.handle = [this](const Tasks& tasks) {
            sizes.push_back(tasks.count);
            for (std::uint32_t i = 0; i < tasks.count; ++i) {
                tasks[i].status = VOLLEY_PENDING;
                jobs[std::string(text_of(tasks[i].message->body))] = tasks[i].job;
            }
            return VOLLEY_OK;
        };
    }
    ~Asynchronous() {
        for (auto& [body, job] : std::exchange(jobs, {})) script.finish(job, VOLLEY_OK);
        pass();
        slot.quit(0);
    }
    void add(const std::vector<delivery::WorkItem>& items) {
        for (const delivery::WorkItem& item : items) run->add(item);
    }
    // Makes a pass, and notes what came out.
    std::uint32_t pass() {
        results.begin_pass();
        const std::uint32_t over = run->pass();
        results.end_pass(over);
        Drained drained;
        rig.pipeline.completions.drain(drained);
        for (const Completion& c : drained.completions)
            if (c.kind == Completion::Kind::handled) verdicts.emplace_back(c.slot, c.verdict);
        return over;
    }
    void finish(const std::string& body, std::int32_t status = VOLLEY_OK) {
        script.finish(jobs.at(body), status);
        jobs.erase(body);
    }
    using Verdicts = std::vector<std::pair<delivery::Slot, Verdict>>;

    Script script;
    Rig rig;
    InstanceSlot slot{rig.pipeline};
    PassResults results{rig.pipeline, 0};
    std::optional<AsyncRun> run;
    std::map<std::string, volley_job*> jobs;  // that are pending
    Verdicts verdicts;
    std::vector<std::uint32_t> sizes;  // of the calls
};

std::vector<delivery::WorkItem> in_groups(std::vector<delivery::WorkItem> items,
                                          const std::vector<delivery::OrderingGroup>& groups) {
    for (std::size_t i = 0; i < items.size(); ++i) {
        items[i].group = groups[i];
        items[i].turn = groups[i] + 1;
    }
    return items;
}

}  // namespace

TEST_CASE("a message is handed on when it has ended, whatever else the handler has", "[async]") {
    Asynchronous a;
    a.add(a.rig.items(6));
    CHECK(a.pass() == 0);
    CHECK(a.jobs.size() == 4);  // as many as may be at work
    a.finish("2");
    CHECK(a.pass() == 1);
    CHECK(a.verdicts == Asynchronous::Verdicts{{2, Verdict::ok}});
    CHECK(a.jobs.count("4") == 1);  // it took the place
    a.finish("0", VOLLEY_E_RETRY);
    a.finish("4", VOLLEY_DROP);
    CHECK(a.pass() == 2);
    CHECK(a.verdicts == Asynchronous::Verdicts{{2, Verdict::ok}, {0, Verdict::retry}, {4, Verdict::drop}});
    CHECK(!a.run->is_idle());
}

TEST_CASE("of a group one message is at work, and a failure returns those behind it", "[async]") {
    Asynchronous a;
    a.add(in_groups(a.rig.items(4), {1, 1, 2, 1}));
    a.pass();
    CHECK(a.jobs.size() == 2);
    CHECK(a.jobs.count("2") == 1);
    SECTION("the first succeeds") {
        a.finish("0");
        a.pass();
        CHECK(a.jobs.count("1") == 1);
        CHECK(a.jobs.count("3") == 0);
        a.finish("1", VOLLEY_E_PERMANENT);
        a.pass();
        CHECK(a.verdicts ==
              Asynchronous::Verdicts{{0, Verdict::ok}, {1, Verdict::fail}, {3, Verdict::not_started}});
    }
    SECTION("the first fails") {
        a.finish("0", VOLLEY_E_RETRY);
        a.pass();
        CHECK(a.verdicts == Asynchronous::Verdicts{
                                {0, Verdict::retry}, {1, Verdict::not_started}, {3, Verdict::not_started}});
    }
}

TEST_CASE("results of a group are handed on in order, also if its handler ends them in another", "[async]") {
    Asynchronous a;
    a.rig.pipeline.keeps_groups = true;
    a.add(in_groups(a.rig.items(3), {1, 1, 1}));
    a.pass();
    REQUIRE(a.jobs.size() == 3);
    a.finish("2");
    a.finish("1");
    CHECK(a.pass() == 0);
    a.finish("0", VOLLEY_E_RETRY);
    CHECK(a.pass() == 3);
    CHECK(a.verdicts ==
          Asynchronous::Verdicts{{0, Verdict::retry}, {1, Verdict::not_started}, {2, Verdict::not_started}});
}

TEST_CASE("after a failed instance each message that it had runs alone", "[async]") {
    Asynchronous a;
    a.add(a.rig.items(2));
    a.pass();
    REQUIRE(a.jobs.size() == 2);
    const auto pend = a.script.handle;
    a.add({a.rig.items(3).back()});
    a.script.handle = [&](const Tasks&) { return VOLLEY_E_RETRY; };
    a.jobs.clear();
    a.pass();  // the instance fails with the third, and what it had is void
    a.script.handle = pend;
    a.pass();
    CHECK(a.jobs.size() == 1);
    CHECK(a.jobs.count("0") == 1);
    a.finish("0");
    a.pass();
    CHECK(a.jobs.count("1") == 1);
    a.script.handle = [&](const Tasks& tasks) {
        return text_of(tasks[0].message->body) == "2" ? VOLLEY_E_RETRY : pend(tasks);
    };
    a.finish("1");
    for (int i = 0; i < 4; ++i) a.pass();
    // The third failed a new instance, too: it is charged.
    CHECK(a.verdicts == Asynchronous::Verdicts{{0, Verdict::ok}, {1, Verdict::ok}, {2, Verdict::retry}});
    CHECK(a.rig.context(2).last_error.find("done for") != std::string::npos);
    CHECK(a.run->is_idle());
}

TEST_CASE("a message that is never finished is charged a timeout, when the others have ended", "[async]") {
    Asynchronous a;
    a.rig.pipeline.config.handler_timeout = delivery::Millis(20);
    a.add(a.rig.items(2));
    a.pass();
    a.finish("1");
    const auto deadline = monotonic() + std::chrono::seconds(20);
    while (a.verdicts.size() < 2 && monotonic() < deadline) {
        a.pass();
        std::this_thread::yield();
    }
    CHECK(a.verdicts == Asynchronous::Verdicts{{1, Verdict::ok}, {0, Verdict::retry}});
    CHECK(a.rig.context(0).reason == VOLLEY_REASON_TIMEOUT);
    CHECK(a.script.closed == 1);
    CHECK(a.script.destroyed == 1);
    a.jobs.clear();
}

TEST_CASE("a status that the ABI does not define ends the component, and nothing counts as done", "[async]") {
    Asynchronous a;
    a.add(a.rig.items(2));
    a.pass();
    a.finish("0", 4711);
    a.jobs.clear();
    a.pass();
    CHECK(a.verdicts == Asynchronous::Verdicts{{0, Verdict::not_started}, {1, Verdict::not_started}});
    REQUIRE(a.slot.failure());
    CHECK(a.slot.failure()->code == ErrorCode::fatal);
}

TEST_CASE("a handler gets full batches at once, and the rest when it has waited long enough", "[async]") {
    Asynchronous a(1, BatchConfig{3, Milliseconds(20), 1 << 20});
    a.add(a.rig.items(5));
    a.pass();
    CHECK(a.sizes == std::vector<std::uint32_t>{3});
    a.finish("0");
    a.finish("2");
    CHECK(a.pass() == 2);  // each completes by itself
    CHECK(a.sizes.size() == 1);
    a.finish("1");
    while (a.sizes.size() < 2) {
        a.pass();
        std::this_thread::yield();
    }
    CHECK(a.sizes == std::vector<std::uint32_t>{3, 2});
}

TEST_CASE("a failed instance costs no message of its batch an attempt", "[async]") {
    Asynchronous a(1, BatchConfig{3, Milliseconds(0), 1 << 20});
    const auto pend = a.script.handle;
    a.script.handle = [&](const Tasks& tasks) {
        a.script.handle = pend;
        return tasks.count == 3 ? VOLLEY_E_RETRY : VOLLEY_OK;
    };
    a.add(a.rig.items(3));
    for (const char* body : {"0", "1", "2"}) {
        while (a.jobs.count(body) == 0) a.pass();
        CHECK(a.jobs.size() == 1);  // alone
        a.finish(body);
    }
    a.pass();
    CHECK(a.verdicts == Asynchronous::Verdicts{{0, Verdict::ok}, {1, Verdict::ok}, {2, Verdict::ok}});
}

TEST_CASE("while a message runs alone no time makes the worker look at those that wait", "[async]") {
    Asynchronous a(2, BatchConfig{2, std::chrono::minutes(10), 1 << 20});
    a.rig.pipeline.config.handler_timeout = Milliseconds(1);
    a.add(a.rig.items(3));
    a.pass();
    a.pass();
    CHECK(a.run->batch_due() != Nanoseconds::max());  // of the third message
    std::this_thread::sleep_for(Milliseconds(5));     // longer than the batch may take
    a.finish("0");
    a.finish("1");
    a.pass();
    REQUIRE(a.sizes == std::vector<std::uint32_t>{2, 1});
    CHECK(a.run->batch_due() == Nanoseconds::max());
}

TEST_CASE("a batch that is out of time is handled one by one, and costs nobody an attempt", "[async]") {
    Asynchronous a(1, BatchConfig{3, Milliseconds(0), 1 << 20});
    a.rig.pipeline.config.handler_timeout = Milliseconds(1);
    const auto items = a.rig.items(3);
    const std::string decoded[] = {std::string(200, 'a'), std::string(200, 'b'), std::string(200, 'c')};
    for (std::uint32_t i = 0; i < 3; ++i) {
        a.rig.context(i).scratch = decoded[i];
        a.rig.context(i).decoded = true;
    }
    a.script.handle = [&](const Tasks& tasks) {
        for (std::uint32_t i = 0; i < tasks.count; ++i) {
            tasks[i].status = VOLLEY_OK;
            CHECK(text_of(tasks[i].message->body) == decoded[tasks.count > 1 ? i : a.sizes.size() - 1]);
        }
        if (tasks.count > 1) std::this_thread::sleep_for(Milliseconds(20));  // longer than it may
        a.sizes.push_back(tasks.count);
        return VOLLEY_OK;
    };
    a.add(items);
    while (!a.run->is_idle()) a.pass();
    CHECK(a.sizes == std::vector<std::uint32_t>{3, 1, 1, 1});
    REQUIRE(a.verdicts.size() == 3);
    for (const auto& [slot, verdict] : a.verdicts) CHECK(verdict == Verdict::ok);
}

TEST_CASE("messages of a batch that is never finished run alone in the order in which they came", "[async]") {
    Asynchronous a(1, BatchConfig{2, Milliseconds(0), 1 << 20});
    a.rig.pipeline.keeps_groups = true;
    const auto items = in_groups(a.rig.items(4), {1, 1, 1, 1});
    a.add({items[0], items[1]});
    a.pass();
    a.finish("0");
    a.finish("1");
    a.pass();
    const auto pend = a.script.handle;
    std::vector<std::string> alone;
    a.script.handle = [&](const Tasks& tasks) -> std::int32_t {
        if (tasks.count > 1) return pend(tasks);
        alone.emplace_back(text_of(tasks[0].message->body));
        return VOLLEY_OK;
    };
    a.rig.pipeline.config.handler_timeout = Milliseconds(1);
    a.add({items[2], items[3]});
    while (!a.run->is_idle()) {
        a.pass();
        std::this_thread::yield();
    }
    CHECK(alone == std::vector<std::string>{"2", "3"});
    a.jobs.clear();
}
