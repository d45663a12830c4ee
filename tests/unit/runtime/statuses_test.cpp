// How the engine reacts to each status of a connector: which calls are repeated, which statuses end the
// component and with which exit code, and that no forbidden call follows.
#include <catch2/catch.hpp>
#include <thread>

#include "scripted.hpp"

using scripted::Ended;
using scripted::Reports;
using scripted::script;
using scripted::Script;

namespace {

constexpr const char* quick = "shutdown_timeout: 2s\nstartup_timeout: 10s\n";

struct Case {
    std::int32_t status;
    int code;
};
// Statuses after which repeating the call is useless. The ABI does not define the last two.
const Case ends[] = {{VOLLEY_E_FATAL, 70},
                     {VOLLEY_E_FENCED, 79},
                     {VOLLEY_E_UNAUTHORIZED, 77},
                     {VOLLEY_E_CONFIG, 78},
                     {VOLLEY_E_PERMANENT, 70},
                     {-99, 70},
                     {99, 70}};

// Runs until every message is acked, or until the engine ends by itself.
Ended run(Script& now, const std::string& component = "", scripted::Handler handler = {}) {
    script = &now;
    const auto engine = scripted::make_engine(quick, component, std::move(handler));
    return scripted::run_until(*engine, [&] {
        const std::lock_guard lock(now.mutex);
        return now.log ? now.committed == now.messages : now.acked == now.messages;
    });
}

}  // namespace

TEST_CASE("a settle call that fails for good ends the component with the status's exit code") {
    for (const Case& c : ends) {
        INFO(c.status);
        Script now;
        now.messages = 2000;
        now.answers["settle"] = {c.status, 3};
        const Ended ended = run(now);
        CHECK(ended.code == c.code);
        CHECK(ended.why_not_ready.find("settle") != std::string::npos);
        CHECK(now.consumed < now.messages);
        // A consumer that has failed for good or is fenced gets close and no other call.
        if (c.code == 79 || c.status == VOLLEY_E_FATAL) CHECK(now.count("settle") == 4);
        CHECK(now.count("close input") == 1);
    }
}

TEST_CASE("a settle call that may succeed later is repeated") {
    for (const std::int32_t status : {VOLLEY_E_RETRY, VOLLEY_E_UNKNOWN, VOLLEY_E_LOST}) {
        INFO(status);
        Script now;
        now.answers["settle"] = {status, 1, 3};
        CHECK(run(now).code == 0);
        CHECK(now.acked == now.messages);
        CHECK(now.broken.empty());
    }
}

TEST_CASE("a single result of settle that no repetition cures ends the component") {
    for (const Case& c : ends) {
        INFO(c.status);
        Script now;
        now.messages = 2000;
        now.settle_result = c.status;
        CHECK(run(now).code == c.code);
        CHECK(now.consumed < now.messages);
    }
}

TEST_CASE("a commit that fails for good ends the component with the status's exit code") {
    for (const Case& c : ends) {
        INFO(c.status);
        Script now;
        now.log = true;
        now.answers["commit"] = {c.status};
        const Ended ended = run(now);
        CHECK(ended.code == c.code);
        CHECK(ended.why_not_ready.find("committed") != std::string::npos);
    }
}

TEST_CASE("a commit that may succeed later is repeated, the last one of a stop, too") {
    for (const int failures : {1, 3}) {
        Script now;
        now.log = true;
        now.answers["commit"] = {VOLLEY_E_RETRY, 0, failures};
        script = &now;
        const auto engine = scripted::make_engine(quick, "");
        // Stops before the commit period has passed.
        const Ended ended = scripted::run_until(*engine, [&] { return now.consumed == now.messages; });
        CHECK(ended.code == 0);
        CHECK(now.committed == now.acked);
        CHECK(now.committed > 0);
        CHECK(now.broken.empty());
    }
}

TEST_CASE("a stop whose last commit failed is not clean") {
    Script now;
    now.log = true;
    now.answers["commit"] = {VOLLEY_E_RETRY};
    script = &now;
    const auto engine = scripted::make_engine("shutdown_timeout: 100ms\n", "");
    CHECK(scripted::run_until(*engine, [&] { return now.count("commit") > 0; }).code == 75);
    CHECK(now.count("close input") == 1);
}

TEST_CASE("an input that is paused is not read before its resume succeeds", "[pause]") {
    Script now;
    now.log = now.pauses = true;
    now.messages = 20;
    now.reports = Reports::when_released;  // so that the window stays full
    now.answers["resume"] = {VOLLEY_E_RETRY, 0, 1};
    script = &now;
    const auto engine = scripted::make_engine(quick, ", max_in_flight: 4");
    CHECK(scripted::run_until(*engine, [&] {
              if (now.count("pause") > 0) now.released = true;
              return now.committed == now.messages;
          }).code == 0);
    CHECK(now.count("resume") > 1);
    CHECK(now.committed == now.messages);
    CHECK(now.broken.empty());
}

TEST_CASE("of a partition that is lost nothing is acked and nothing is committed", "[lost]") {
    Script now;
    now.log = true;
    now.messages = 10;
    now.reports = Reports::when_released;
    script = &now;
    const auto engine = scripted::make_engine(quick, ", order: none");
    CHECK(scripted::run_until(*engine, [&] {
              if (now.consumed == now.messages && !now.lost) now.lose = true;
              if (now.lost) now.released = true;
              const std::lock_guard lock(now.mutex);
              return now.lost && now.open.empty();
          }).code == 0);
    CHECK(now.lost);
    CHECK(now.acked == 0);
    CHECK(now.committed == -1);
    CHECK(now.broken.empty());
}

TEST_CASE("an extension of leases that fails for good ends the component") {
    for (const Case& c : ends) {
        INFO(c.status);
        Script now;
        now.leases = true;
        now.reports = Reports::when_released;  // so that deliveries stay open
        now.answers["extend"] = {c.status};
        CHECK(run(now).code == c.code);
    }
}

TEST_CASE("an extension of leases that may succeed later ends nothing") {
    Script now;
    now.leases = true;
    now.reports = Reports::when_released;
    now.answers["extend"] = {VOLLEY_E_RETRY, 0, 2};
    script = &now;
    const auto engine = scripted::make_engine(quick, "");
    CHECK(scripted::run_until(*engine, [&] {
              if (now.count("extend") > 2) now.released = true;
              return now.acked == now.messages;
          }).code == 0);
}

TEST_CASE("a producer's call that fails for good ends the component") {
    for (const std::string call : {"produce out", "poll out", "flush out"}) {
        for (const Case& c : ends) {
            // A permanent refusal by produce concerns its records only.
            if (call == "produce out" && c.status == VOLLEY_E_PERMANENT) continue;
            INFO(call << " " << c.status);
            Script now;
            now.reports = call == "produce out" ? Reports::at_once : Reports::when_released;
            now.answers[call] = {c.status};
            // VOLLEY_AGAIN is the only other success status of flush.
            CHECK(run(now).code == c.code);
            CHECK(now.acked == 0);
        }
    }
}

TEST_CASE("a report that the store may take the record later is no attempt") {
    for (const std::int32_t status : std::initializer_list<std::int32_t>{VOLLEY_E_RETRY, VOLLEY_E_UNKNOWN,
                                                                         VOLLEY_E_FATAL, VOLLEY_E_LOST}) {
        INFO(status);
        Script now;
        now.answers["report out"] = {status, 0, 20};
        CHECK(run(now, ", order: none, retry: {initial_delay: 1ms, max_delay: 5ms}").code == 0);
        CHECK(now.acked == now.messages);
    }
}

TEST_CASE("a producer that reports only when it is polled or flushed completes, and a stop of it is clean") {
    for (const Reports reports : {Reports::from_poll, Reports::from_flush}) {
        for (const bool thread_safe : {false, true}) {
            INFO(static_cast<int>(reports) << " " << thread_safe);
            Script now;
            now.messages = 500;
            now.reports = reports;
            now.thread_safe = thread_safe;
            CHECK(run(now, ", workers: 2, order: none").code == 0);
            CHECK(now.acked == now.messages);
            CHECK(now.broken.empty());
        }
    }
}

TEST_CASE("a stop flushes what a producer holds back") {
    Script now;
    now.reports = Reports::from_flush;
    script = &now;
    const auto engine = scripted::make_engine(quick, "");
    CHECK(scripted::run_until(*engine, [&] { return now.count("produce out") > 0; }).code == 0);
    const std::lock_guard lock(now.mutex);
    CHECK(now.acked > 0);
    CHECK(now.open.empty());
    CHECK(now.broken.empty());
}

TEST_CASE("a stop while something is being opened calls nothing that was not opened") {
    for (const std::string call : {"open out", "open dead", "open input"}) {
        for (const bool log : {false, true}) {
            INFO(call << " " << log);
            Script now;
            now.log = log;
            now.answers[call] = {VOLLEY_E_RETRY};
            script = &now;
            const auto engine = scripted::make_engine(quick, ", dead_letter_queue: dead");
            CHECK(scripted::run_until(*engine, [&] { return now.count(call) > 1; }).code == 0);
            CHECK(now.broken.empty());
            CHECK(now.count("close input") == 0);
            CHECK(now.count("close out") == (call == "open out" ? 0 : 1));
            CHECK(now.count("close dead") == (call == "open input" ? 1 : 0));
        }
    }
}

TEST_CASE("an open that fails for good ends the engine, and calls nothing that was not opened") {
    for (const std::string call : {"open out", "open input"}) {
        for (const Case& c : ends) {
            if (c.status == 99) continue;  // the script's open returns only VOLLEY_OK and errors
            if (c.status == -99) continue;
            INFO(call << " " << c.status);
            Script now;
            now.log = true;
            now.answers[call] = {c.status};
            CHECK(run(now).code == c.code);
            CHECK(now.broken.empty());
            CHECK(now.count("close input") == 0);
        }
    }
}

TEST_CASE("a consume call that fails for good ends the component; what was finished is settled") {
    for (const Case& c : ends) {
        INFO(c.status);
        Script now;
        now.answers["consume"] = {c.status, 2};
        CHECK(run(now).code == c.code);
        CHECK(now.count("close input") == 1);
    }
}

TEST_CASE("a delivery whose records were never reported is released before the consumer is closed") {
    Script now;
    now.reports = Reports::when_released;
    script = &now;
    const auto engine = scripted::make_engine("shutdown_timeout: 100ms\n", "");
    CHECK(scripted::run_until(*engine, [&] { return now.count("produce out") > 0; }).code == 75);
    const std::lock_guard lock(now.mutex);
    CHECK(now.acked == 0);
    CHECK(now.broken.empty());
}

TEST_CASE("a connector that reports a record twice, or one that it was not given, is not believed") {
    for (const Reports reports :
         {Reports::twice, Reports::of_another, Reports::of_no_slot, Reports::of_the_past}) {
        INFO(static_cast<int>(reports));
        Script now;
        now.messages = 20'000;  // more than are fetched before the first report is looked at
        now.reports = reports;
        const Ended ended = run(now);
        CHECK(ended.code == 70);
        CHECK(ended.why_not_ready.find("reported a record twice") != std::string::npos);
        CHECK(now.consumed < now.messages);
    }
}

TEST_CASE("while a handler hangs its consumer is not closed, and what others finished is committed") {
    static Script now;  // static, because the engine cannot be destroyed and keeps using it
    now.log = true;
    script = &now;
    static std::atomic<bool> hangs{false}, over{false};
    const auto handler = [](const volley::Message& message, volley::Outputs& outputs) {
        const std::string_view body = message.body();
        if (!hangs.exchange(true)) {
            while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            CHECK(body.size() == 16);
        }
        outputs.send_all(body);
    };
    static auto& engine = *new auto(  // not even at the exit of the process
        scripted::make_engine("shutdown_timeout: 100ms\n", ", workers: 2, order: none", handler));
    CHECK(scripted::run_until(*engine, [&] { return hangs && now.acked > 0; }).code == 75);
    CHECK(engine->hung());
    CHECK(now.count("close input") == 0);
    CHECK(now.count("commit") > 0);
    const int produced = now.count("produce out");
    over = true;
    // The call returns, and finds that no further call is allowed.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(now.count("produce out") == produced);
    const std::lock_guard lock(now.mutex);
    CHECK(now.broken.empty());
}
