// One worker's calls of a handler that keeps no rule: what it does to its own messages, and that it cannot do
// anything to others.
#include <catch2/catch.hpp>
#include <limits>
#include <stdexcept>
#include <thread>

#include "handle_rig.hpp"

using namespace handler_rig;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

// ---- tokens

TEST_CASE("a second finish, and one that comes late, end no other message", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    volley_job* first = nullptr;
    script.handle = [&](const Tasks& tasks) {
        first = tasks[0].job;
        tasks[0].status = VOLLEY_PENDING;
        script.finish(first, VOLLEY_OK);
        script.finish(first, VOLLEY_E_PERMANENT);
        return VOLLEY_OK;
    };
    CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::ok});

    std::thread other;
    script.handle = [&](const Tasks& tasks) {
        CHECK(tasks[0].job != first);
        tasks[0].status = VOLLEY_PENDING;
        other = std::thread([&script, first, second = tasks[0].job] {
            script.finish(first, VOLLEY_OK);
            script.finish(second, VOLLEY_E_PERMANENT);
            script.finish(second, VOLLEY_OK);
        });
        return VOLLEY_OK;
    };
    CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::fail});
    other.join();
    call.close(0);
    script.finish(first, VOLLEY_OK);  // its table is there still
    CHECK(script.destroyed == 1);
}

TEST_CASE("whoever names a job that is over, or never was, finds nothing", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    std::vector<volley_job*> strangers{nullptr};
    for (const std::uint64_t made_up :
         {1ULL, 63ULL, 64ULL, 1ULL << 24U, ~0ULL, 0xFFFFFFULL, (5ULL << 24U) + 9'000'000U})
        strangers.push_back(reinterpret_cast<volley_job*>(made_up));
    script.handle = [&](const Tasks& tasks) {
        strangers.push_back(tasks[0].job);
        return VOLLEY_OK;
    };
    handle(call, rig.items(1));
    script.handle = [&](const Tasks& tasks) {
        script.emit(tasks[0].job, "its own");
        const auto meddle = [&] {
            for (volley_job* job : strangers) {
                if (script.emit(job, "not its own") != VOLLEY_E_LOST) FAIL("emitted");
                script.jobs->explain(script.jobs->context, job, view_of("a lie"));
                script.finish(job, VOLLEY_E_PERMANENT);
                if (!script.cancelled(job)) FAIL("wanted");
            }
        };
        meddle();
        std::thread(meddle).join();
        return VOLLEY_OK;
    };
    CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::ok});
    CHECK(rig.outputs(0) == 1);
    CHECK(rig.context(0).last_error.empty());
    call.close(0);
}

TEST_CASE("what is emitted after a job's end is not sent", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    script.handle = [&](const Tasks& tasks) {
        tasks[0].status = VOLLEY_PENDING;
        CHECK(script.emit(tasks[0].job, "in time") == VOLLEY_OK);
        script.finish(tasks[0].job, VOLLEY_OK);
        CHECK(script.emit(tasks[0].job, "too late") == VOLLEY_E_LOST);
        return VOLLEY_OK;
    };
    CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::ok});
    CHECK(rig.outputs(0) == 1);
    call.close(0);
}

TEST_CASE("jobs of a table that is used again have tokens of their own", "[handle]") {
    Rig rig;
    Script script;
    volley_job* first = nullptr;
    const volley_jobs* jobs = nullptr;
    for (int life = 0; life < 2; ++life) {
        Caller call(rig.pipeline);
        script.handle = [&](const Tasks& tasks) {
            if (life == 1 && script.jobs == jobs)
                CHECK(script.emit(first, "of the life before") == VOLLEY_E_LOST);
            first = tasks[0].job;
            jobs = script.jobs;
            return VOLLEY_OK;
        };
        CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::ok});
        CHECK(rig.outputs(0) == 0);
        call.close(0);
    }
}

// ---- statuses

TEST_CASE("every status ends in a verdict", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    const auto with = [&](std::int32_t status) {
        script.handle = [&script, status](const Tasks& tasks) {
            script.emit(tasks[0].job, "x");
            tasks[0].status = status;
            tasks[0].reason = 4'000'000'000;
            return VOLLEY_OK;
        };
        return handle(call, rig.items(1))[0];
    };
    CHECK(with(VOLLEY_OK).verdict == Verdict::ok);
    CHECK(rig.outputs(0) == 1);
    CHECK(with(VOLLEY_DROP).verdict == Verdict::drop);
    CHECK(rig.outputs(0) == 0);
    CHECK(with(VOLLEY_E_RETRY).verdict == Verdict::retry);
    for (std::int32_t status = VOLLEY_E_PERMANENT; status >= VOLLEY_E_UNSUPPORTED; --status) {
        const HandlerResult handled = with(status);
        CHECK(handled.verdict == Verdict::fail);
        CHECK(handled.reason == VOLLEY_REASON_HANDLER_FAIL);
        CHECK(rig.outputs(0) == 0);
    }
    call.close(0);
}

namespace {

const std::int32_t undefined[] = {VOLLEY_END, 99, -99, std::numeric_limits<std::int32_t>::min()};

// The handler is gone for good, and nothing of the messages was decided.
void check_end(const Caller& call, const std::vector<HandlerResult>& handled, const Script& script) {
    for (const HandlerResult& h : handled) CHECK(h.verdict == Verdict::not_started);
    REQUIRE(call.slot().failure());
    CHECK(call.slot().failure()->code == ErrorCode::fatal);
    CHECK(script.created == 1);
    CHECK(script.destroyed == 1);
    CHECK(script.closed == 0);
}

}  // namespace

TEST_CASE("a message that ends with a status that the ABI does not define ends the component", "[handle]") {
    for (const std::int32_t status : undefined) {
        for (const bool later : {false, true}) {
            INFO(status << " " << later);
            Rig rig;
            rig.pipeline.handler_label = "libship.so:Ship";
            Script script;
            Caller call(rig.pipeline);
            script.handle = [&script, status, later](const Tasks& tasks) {
                script.emit(tasks[1].job, "x");
                tasks[1].status = later ? std::int32_t{VOLLEY_PENDING} : status;
                if (later) script.finish(tasks[1].job, status);
                return VOLLEY_OK;
            };
            check_end(call, handle(call, rig.items(3)), script);
            CHECK_THAT(call.slot().failure()->text, Contains("libship.so:Ship: a message ended with"));
            CHECK(rig.outputs(1) == 0);
            call.close(0);
        }
    }
    // Once finished, a job cannot be pending.
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    script.handle = [&script](const Tasks& tasks) {
        tasks[0].status = VOLLEY_PENDING;
        script.finish(tasks[0].job, VOLLEY_PENDING);
        return VOLLEY_OK;
    };
    check_end(call, handle(call, rig.items(1)), script);
    call.close(0);
}

TEST_CASE("a handle call with a status that the ABI does not define ends the component", "[handle]") {
    for (const std::int32_t status : {std::int32_t{VOLLEY_AGAIN}, std::int32_t{VOLLEY_PENDING}, 99, -99}) {
        for (const std::uint32_t count : {1U, 3U}) {
            INFO(status << " " << count);
            Rig rig;
            rig.pipeline.handler_label = "libship.so:Ship";
            Script script;
            Caller call(rig.pipeline);
            script.handle = [status](const Tasks&) { return status; };
            check_end(call, handle(call, rig.items(count)), script);
            CHECK_THAT(call.slot().failure()->text, Contains("libship.so:Ship: handle returned"));
            call.close(0);
        }
    }
}

TEST_CASE("a handle call that says that a person must act ends the component with its code", "[handle]") {
    for (const std::int32_t status : {VOLLEY_E_CONFIG, VOLLEY_E_UNAUTHORIZED, VOLLEY_E_FENCED}) {
        INFO(status);
        Rig rig;
        Script script;
        Caller call(rig.pipeline);
        script.handle = [status](const Tasks& tasks) {
            tasks[0].status = VOLLEY_DROP;  // decided before
            return status;
        };
        CHECK(verdicts(handle(call, rig.items(2))) == std::vector{Verdict::drop, Verdict::not_started});
        REQUIRE(call.slot().failure());
        CHECK(static_cast<std::int32_t>(call.slot().failure()->code) == status);
        CHECK(script.created == 1);
        CHECK(script.destroyed == 1);
        call.close(0);
    }
}

TEST_CASE("a task may be left for later only behind a failure in its group", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    script.handle = [](const Tasks& tasks) {
        tasks[0].status = VOLLEY_E_RETRY;
        for (std::uint32_t i = 1; i < tasks.count; ++i) tasks[i].status = VOLLEY_AGAIN;
        return VOLLEY_OK;
    };
    auto items = rig.items(3);
    items[0].group = items[1].group = 7;
    CHECK(verdicts(handle(call, items)) == std::vector{Verdict::retry, Verdict::not_started, Verdict::retry});
    rig.pipeline.stopping = true;
    CHECK(verdicts(handle(call, items)) ==
          std::vector{Verdict::retry, Verdict::not_started, Verdict::not_started});
    call.close(0);
}

// ---- outputs

TEST_CASE("an output that is no output fails its message and says why", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    volley_header headers[2]{{view_of("a"), {}}, {{}, view_of("a value without a name")}};
    const volley_view endless{"x", std::numeric_limits<std::size_t>::max()};
    volley_record record{};
    volley_view output{};
    const auto emitted = [&] {
        script.handle = [&](const Tasks& tasks) {
            script.emit(tasks[0].job, record, output);
            return VOLLEY_OK;
        };
        CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::fail});
        CHECK(rig.outputs(0) == 0);
        return rig.context(0).last_error;
    };
    output = view_of("nowhere");
    CHECK_THAT(emitted(), Contains("has no output \"nowhere\"; its outputs are: out"));
    output = {};
    record.header_count = 3;
    CHECK_THAT(emitted(), Contains("no headers"));
    record.headers = headers;
    record.header_count = std::numeric_limits<std::uint32_t>::max();
    CHECK_THAT(emitted(), Contains("65536"));
    record.header_count = 2;
    CHECK_THAT(emitted(), Contains("without a name"));
    record.header_count = 1;
    headers[0].value = endless;
    CHECK_THAT(emitted(), Contains("larger"));
    record = {};
    record.body = endless;
    CHECK_THAT(emitted(), Contains("larger"));
    record = {};
    record.key = endless;
    CHECK_THAT(emitted(), Contains("larger"));
    call.close(0);
}

TEST_CASE("an absent view has no bytes, whatever its size says", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    script.handle = [&](const Tasks& tasks) {
        const volley_view nothing{nullptr, 1'000'000};
        volley_header header{view_of("h"), nothing};
        volley_record record{};
        record.body = record.key = record.queue = record.id = nothing;
        record.headers = &header;
        record.header_count = 1;
        CHECK(script.emit(tasks[0].job, record, nothing) == VOLLEY_OK);
        CHECK(script.jobs->emit(script.jobs->context, tasks[0].job, nothing, nullptr, 64, nullptr) ==
              VOLLEY_OK);
        CHECK(script.jobs->emit(script.jobs->context, tasks[0].job, nothing, &record, 0, nullptr) ==
              VOLLEY_OK);
        script.jobs->explain(script.jobs->context, tasks[0].job, nothing);
        return VOLLEY_OK;
    };
    CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::ok});
    REQUIRE(rig.outputs(0) == 3);
    for (const Output& output : rig.context(0).outputs) CHECK(is_absent(output.record.body));
    CHECK(is_absent(rig.context(0).outputs[0].record.headers[0].value));
    CHECK(rig.context(0).outputs[2].record.partition == -1);
    call.close(0);
}

TEST_CASE("key and headers are the input's, the handler's, or none", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    const std::string binary("\0\xff", 2);
    script.handle = [&](const Tasks& tasks) {
        volley_header twice[]{{view_of("h"), view_of(binary)}, {view_of("h"), {}}};
        volley_record record{};
        script.emit(tasks[0].job, record);
        record.key = view_of("");
        record.headers = twice;
        record.header_count = 2;
        script.emit(tasks[0].job, record);
        record = {};
        record.flags = VOLLEY_RECORD_OWN_KEY | VOLLEY_RECORD_OWN_HEADERS;
        script.emit(tasks[0].job, record);
        return VOLLEY_OK;
    };
    handle(call, rig.items(1));
    REQUIRE(rig.outputs(0) == 3);
    const auto record = [&](std::size_t i) { return rig.context(0).outputs[i].record; };
    CHECK(text_of(record(0).key) == "the input's key");
    CHECK(record(0).header_count == 1);
    CHECK_FALSE(is_absent(record(1).key));
    CHECK(record(1).key.size == 0);
    REQUIRE(record(1).header_count == 2);
    CHECK(text_of(record(1).headers[0].value) == binary);
    CHECK(is_absent(record(1).headers[1].value));
    CHECK(is_absent(record(2).key));
    CHECK(record(2).header_count == 0);
    call.close(0);
}

TEST_CASE("an attempt leaves nothing behind for the next one", "[handle]") {
    Rig rig;
    Script script;
    Caller call(rig.pipeline);
    const std::string large(100'000, 'x');
    const void* place = nullptr;
    script.handle = [&](const Tasks& tasks) {
        for (int i = 0; i < 20; ++i) script.emit(tasks[0].job, large);
        place = rig.context(0).outputs.front().record.body.data;
        tasks[0].status = VOLLEY_E_RETRY;
        return VOLLEY_OK;
    };
    auto items = rig.items(1);
    for (int attempt = 0; attempt < 3; ++attempt) {
        CHECK(verdicts(handle(call, items)) == std::vector{Verdict::retry});
        CHECK(rig.outputs(0) == 0);
    }
    script.handle = [&](const Tasks& tasks) { return script.emit(tasks[0].job, "small"); };
    handle(call, items);
    CHECK(rig.outputs(0) == 1);
    call.close(0);
}
