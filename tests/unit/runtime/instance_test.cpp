// What becomes of a handler's instances: they fail, come late, are replaced and shared.
#include <catch2/catch.hpp>
#include <limits>
#include <stdexcept>
#include <thread>

#include "handle_rig.hpp"

using namespace handler_rig;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

// ---- instances

TEST_CASE("a failed instance is replaced, and what it did not decide costs nothing", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    int calls = 0;
    script.handle = [&](const Tasks& tasks) {
        if (++calls == 2) {
            tasks[1].status = VOLLEY_E_PERMANENT;
            tasks[3].status = VOLLEY_PENDING;
            script.emit(tasks[0].job, "of the failed one");
            return VOLLEY_E_FATAL;
        }
        for (std::uint32_t i = 0; i < tasks.count; ++i) script.emit(tasks[i].job, "x");
        return VOLLEY_OK;
    };
    handle(call, rig.items(1));
    const auto handled = handle(call, rig.items(4));
    CHECK(verdicts(handled) == std::vector{Verdict::ok, Verdict::fail, Verdict::ok, Verdict::ok});
    CHECK(rig.outputs(0) == 1);
    CHECK(script.created == 2);
    CHECK(script.destroyed == 1);
    CHECK(script.closed == 0);
    call.close(0);
    CHECK(script.closed == 1);
    CHECK(script.destroyed == 2);
}

TEST_CASE("the message that instances fail with is charged, and those beside it are not", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    bool thrown = false;
    SECTION("by status") {}
    SECTION("by an exception that leaves the plugin") { thrown = true; }
    script.handle = [&](const Tasks& tasks) -> std::int32_t {
        for (std::uint32_t i = 0; i < tasks.count; ++i) {
            if (text_of(tasks[i].message->body) != "2") continue;
            if (thrown) throw std::runtime_error("it is done for");
            return VOLLEY_E_FATAL;
        }
        return VOLLEY_OK;
    };
    const auto handled = handle(call, rig.items(4));
    CHECK(verdicts(handled) == std::vector{Verdict::ok, Verdict::ok, Verdict::retry, Verdict::ok});
    CHECK(handled[2].reason == VOLLEY_REASON_CRASH);
    CHECK_THAT(rig.context(2).last_error, Contains("it is done for"));
    call.close(0);
    CHECK(script.created == script.destroyed);
}

TEST_CASE("behind a message of its group that is charged a message waits", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    std::vector<std::string> alone;
    script.handle = [&](const Tasks& tasks) {
        if (tasks.count == 1) alone.emplace_back(text_of(tasks[0].message->body));
        return tasks.count > 1 || alone.back() == "0" ? VOLLEY_E_FATAL : VOLLEY_OK;
    };
    auto items = rig.items(3);
    items[0].group = items[2].group = 5;
    CHECK(verdicts(handle(call, items)) == std::vector{Verdict::retry, Verdict::ok, Verdict::not_started});
    CHECK(alone == std::vector<std::string>{"0", "1"});
    call.close(0);
}

TEST_CASE("a new instance that cannot be opened is tried again, and the component says why", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::ok});
    int refusals = 2;
    std::string problem;
    script.open = [&]() -> std::int32_t {
        if (refusals-- > 0) return refusals == 0 ? VOLLEY_E_RETRY : VOLLEY_E_FATAL;
        problem = call.slot().health().problem();
        return VOLLEY_OK;
    };
    bool failed = false;
    script.handle = [&](const Tasks&) { return std::exchange(failed, true) ? VOLLEY_OK : VOLLEY_E_FATAL; };
    CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::ok});
    CHECK_THAT(problem, Contains("it cannot be opened"));
    CHECK_FALSE(call.slot().health().has_problem());
    call.close(0);
    CHECK(script.created == script.destroyed);
}

TEST_CASE("what needs a person, and a stop, end the wait for an instance", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    REQUIRE(call.open());
    script.handle = [](const Tasks&) { return VOLLEY_E_FATAL; };
    SECTION("refused credentials") {
        script.open = [] { return VOLLEY_E_UNAUTHORIZED; };
        handle(call, rig.items(1));
        CHECK(verdicts(handle(call, rig.items(2))) ==
              std::vector{Verdict::not_started, Verdict::not_started});
        REQUIRE(call.slot().failure());
        CHECK(call.slot().failure()->code == ErrorCode::unauthorized);
    }
    SECTION("a stop") {
        script.open = [&]() -> std::int32_t {
            rig.pipeline.stopping = true;
            return VOLLEY_E_RETRY;
        };
        handle(call, rig.items(1));
        CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::not_started});
        CHECK_FALSE(call.slot().failure());
    }
    call.close(0);
    CHECK(script.created == script.destroyed);
}

TEST_CASE("an open that asks to be called again is called again, of the same instance", "[handle]") {
    Rig rig;
    Script script;
    int refusals = 1;
    script.open = [&] { return refusals-- > 0 ? VOLLEY_E_RETRY : VOLLEY_OK; };
    Caller call(rig.pipeline);
    CHECK(call.open());
    CHECK(script.created == 1);
    call.close(0);

    script.open = [] { return VOLLEY_E_FATAL; };
    Caller other(rig.pipeline);
    CHECK_FALSE(other.open());
    REQUIRE(other.slot().failure());
    CHECK(other.slot().failure()->code == ErrorCode::fatal);
    other.close(0);
    CHECK(script.created == script.destroyed);
}

// ---- time

TEST_CASE("a result that comes past the deadline is ignored, and charged as a timeout", "[handle]") {
    Rig rig;
    rig.pipeline.config.handler_timeout = 30ms;
    Script script;
    Caller call(rig.pipeline);
    std::thread other;
    SECTION("of a call that takes too long") {
        script.handle = [&](const Tasks& tasks) {
            script.emit(tasks[0].job, "late");
            while (!script.cancelled(tasks[0].job)) std::this_thread::sleep_for(1ms);
            return VOLLEY_OK;
        };
    }
    SECTION("of a job that is finished in the end") {
        rig.pipeline.config.handler_timeout = 200ms;
        script.handle = [&](const Tasks& tasks) {
            tasks[0].status = VOLLEY_PENDING;
            other = std::thread([&script, job = tasks[0].job] {
                script.emit(job, "late");
                while (!script.cancelled(job)) std::this_thread::sleep_for(1ms);
                script.finish(job, VOLLEY_OK);
            });
            return VOLLEY_OK;
        };
    }
    const auto handled = handle(call, rig.items(1));
    if (other.joinable()) other.join();
    CHECK(verdicts(handled) == std::vector{Verdict::retry});
    CHECK(handled[0].reason == VOLLEY_REASON_TIMEOUT);
    CHECK(rig.outputs(0) == 0);
    CHECK_THAT(rig.context(0).last_error, Contains("handler_timeout"));
    CHECK(script.created == 1);
    call.close(0);
}

TEST_CASE("an instance that never finishes a job is closed and replaced; its other messages are not late",
          "[handle]") {
    Rig rig;
    rig.pipeline.config.handler_timeout = 30ms;
    Script script;
    Caller call(rig.pipeline);
    volley_job* never = nullptr;
    bool readable = false;
    script.handle = [&](const Tasks& tasks) {
        for (std::uint32_t i = 0; i < tasks.count; ++i) tasks[i].status = VOLLEY_PENDING;
        script.finish(tasks[1].job, VOLLEY_OK);
        never = tasks[0].job;
        script.destroy = [&readable, message = tasks[0].message] {
            readable = text_of(message->body) == "0";
        };
        return VOLLEY_OK;
    };
    const auto handled = handle(call, rig.items(2));
    CHECK(verdicts(handled) == std::vector{Verdict::retry, Verdict::ok});
    CHECK(handled[0].reason == VOLLEY_REASON_TIMEOUT);
    CHECK(script.closed == 1);
    CHECK(script.destroyed == 1);
    CHECK(readable);
    script.destroy = [] {};
    script.finish(never, VOLLEY_OK);
    script.handle = [](const Tasks&) { return VOLLEY_OK; };
    CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::ok});
    CHECK(script.created == 2);
    call.close(0);
}

TEST_CASE("a child process is held to its time by its own side", "[handle]") {
    Rig rig;
    rig.pipeline.in_process = false;
    rig.pipeline.config.handler_timeout = 1ms;
    Script script;
    Caller call(rig.pipeline);
    script.handle = [&](const Tasks& tasks) {
        std::this_thread::sleep_for(10ms);
        CHECK_FALSE(script.cancelled(tasks[0].job));
        tasks[1].status = VOLLEY_AGAIN;
        return VOLLEY_OK;
    };
    CHECK(verdicts(handle(call, rig.items(2))) == std::vector{Verdict::ok, Verdict::not_started});
    call.close(0);
}

// ---- one for all

TEST_CASE("workers of a thread-safe class share one instance, also the next one", "[handle]") {
    Rig rig;
    rig.pipeline.shared_handler = std::make_shared<InstanceSlot>(rig.pipeline);
    Script script;
    constexpr std::uint32_t workers = 4;
    std::vector<std::unique_ptr<Caller>> calls;
    for (std::uint32_t w = 0; w < workers; ++w) calls.push_back(std::make_unique<Caller>(rig.pipeline));
    std::atomic<int> inside{0}, most{0}, count{0}, in_failed{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    std::vector<std::thread> others;
    script.destroy = [&] {
        if (inside > 0) ++in_failed;
    };
    script.handle = [&](const Tasks& tasks) {
        ++inside;
        for (int now = inside; now > most; now = inside) most = now;
        tasks[0].status = VOLLEY_PENDING;
        std::thread other([&script, job = tasks[0].job] {
            script.emit(job, "x");
            script.finish(job, VOLLEY_OK);
            script.finish(job, VOLLEY_E_PERMANENT);
        });
        {
            const std::lock_guard lock(mutex);
            others.push_back(std::move(other));
        }
        const bool fails = ++count == 40 && !failed.exchange(true);
        std::this_thread::sleep_for(1ms);
        --inside;
        return fails ? VOLLEY_E_FATAL : VOLLEY_OK;
    };
    const auto items = rig.items(workers);
    std::atomic<int> ok{0};
    std::vector<std::thread> threads;
    for (std::uint32_t w = 0; w < workers; ++w) {
        threads.emplace_back([&, w] {
            for (int i = 0; i < 25; ++i) {
                if (handle(*calls[w], {items[w]})[0].verdict == Verdict::ok && rig.outputs(w) == 1) ++ok;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (std::thread& other : others) other.join();
    CHECK(ok == 25 * workers);
    CHECK(most > 1);
    CHECK(in_failed == 0);
    CHECK(script.created == 2);
    for (const auto& call : calls) call->close(0);
    CHECK(script.closed == 1);
    CHECK(script.destroyed == 2);
}
