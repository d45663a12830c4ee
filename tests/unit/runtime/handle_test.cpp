// One worker's calls of a handler that keeps no rule: what it does to its own messages, and that it cannot do
// anything to others.
#include "runtime/handle.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <stdexcept>
#include <thread>

using namespace volley;
using namespace volley::runtime;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using delivery::Verdict;

namespace {

struct Tasks {
    volley_task* first;
    std::uint32_t count;
    std::uint32_t stride;
    volley_error* error;
    volley_task& operator[](std::uint32_t i) const { return element(first, stride, i); }
};

// What the handler does, and what became of its instances. One at a time.
struct Script {
    Script() { current = this; }
    ~Script() { current = nullptr; }
    static inline Script* current = nullptr;

    std::function<std::int32_t(const Tasks&)> handle = [](const Tasks&) { return VOLLEY_OK; };
    std::function<std::int32_t()> open = [] { return VOLLEY_OK; };
    std::function<void()> destroy = [] {};
    std::atomic<int> created{0}, closed{0}, destroyed{0};
    const volley_jobs* jobs = nullptr;  // of the last instance

    std::int32_t emit(volley_job* job, const volley_record& record, volley_view output = {},
                      volley_error* error = nullptr) const {
        return jobs->emit(jobs->context, job, output, &record, sizeof record, error);
    }
    std::int32_t emit(volley_job* job, std::string_view body) const {
        volley_record record{};
        record.body = view_of(body);
        return emit(job, record);
    }
    void finish(volley_job* job, std::int32_t status) const { jobs->finish(jobs->context, job, status, 0); }
    bool cancelled(volley_job* job) const { return jobs->cancelled(jobs->context, job) != 0; }
};

const volley_handler_class* scripted() {
    static const volley_handler_class table = [] {
        volley_handler_class t{};
        t.struct_size = sizeof t;
        t.create = [](const volley_host*, const volley_options*, const volley_jobs* jobs,
                      volley_handler** out, volley_error*) -> std::int32_t {
            Script::current->jobs = jobs;
            *out = reinterpret_cast<volley_handler*>(static_cast<std::intptr_t>(++Script::current->created));
            return VOLLEY_OK;
        };
        t.open = [](volley_handler*, volley_error* error) {
            return volley_fail(error, Script::current->open(), "it cannot be opened");
        };
        t.handle = [](volley_handler*, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                      volley_error* error) {
            return volley_fail(error, Script::current->handle({tasks, count, stride, error}),
                               "it is done for");
        };
        t.close = [](volley_handler*, std::uint32_t, volley_error*) -> std::int32_t {
            ++Script::current->closed;
            return VOLLEY_OK;
        };
        t.destroy = [](volley_handler*) {
            Script::current->destroy();
            ++Script::current->destroyed;
        };
        return t;
    }();
    return &table;
}

// A component with one output, without its threads.
struct Rig {
    Rig() {
        pipeline.config.name = "move";
        pipeline.config.handler_timeout = std::chrono::hours(1);
        pipeline.built_in_handler = scripted();
        pipeline.in_process = true;
        auto output_queue = std::make_unique<OutputQueue>();
        output_queue->queue = "out";
        output_queue->blank.record.partition = -1;
        pipeline.output_queues.push_back(std::move(output_queue));
        pipeline.contexts.grow_to(16);
    }
    // Messages 0 to count - 1, each with its number as its body.
    std::vector<delivery::WorkItem> items(std::uint32_t count) {
        std::vector<delivery::WorkItem> all;
        for (std::uint32_t i = 0; i < count; ++i) {
            MessageContext& context = pipeline.contexts[i];
            volley_message message{};
            message.body = view_of(bodies[i]);
            message.key = view_of("the input's key");
            message.headers = &header;
            message.header_count = 1;
            context.arrive(message, 0, 0);
            context.begin();
            context.body = bodies[i];
            all.push_back({i, delivery::Step::handle, delivery::no_group, 1, 0});
        }
        return all;
    }
    MessageContext& context(std::uint32_t slot) { return pipeline.contexts[slot]; }
    std::size_t outputs(std::uint32_t slot) { return context(slot).outputs.size(); }

    static constexpr std::string_view bodies[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    volley_header header{view_of("name"), view_of("value")};
    Pipeline pipeline;
};

std::vector<HandlerResult> handle(HandlerCall& call, const std::vector<delivery::WorkItem>& items) {
    std::vector<HandlerResult> out;
    call.handle(items.data(), items.size(), out);
    return out;
}

std::vector<Verdict> verdicts(const std::vector<HandlerResult>& handled) {
    std::vector<Verdict> all;
    for (const HandlerResult& h : handled) all.push_back(h.verdict);
    return all;
}

}  // namespace

// ---- tokens

TEST_CASE("a second finish, and one that comes late, end no other message", "[handle]") {
    Rig rig;
    Script script;
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
        HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
void check_end(const HandlerCall& call, const std::vector<HandlerResult>& handled, const Script& script) {
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
            HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
            HandlerCall call(rig.pipeline);
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
        HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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

// ---- instances

TEST_CASE("a failed instance is replaced, and what it did not decide costs nothing", "[handle]") {
    Rig rig;
    Script script;
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
    CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::ok});
    int refusals = 2;
    std::string problem;
    script.open = [&]() -> std::int32_t {
        if (refusals-- > 0) return refusals == 0 ? VOLLEY_E_RETRY : VOLLEY_E_FATAL;
        problem = call.slot().problem();
        return VOLLEY_OK;
    };
    bool failed = false;
    script.handle = [&](const Tasks&) { return std::exchange(failed, true) ? VOLLEY_OK : VOLLEY_E_FATAL; };
    CHECK(verdicts(handle(call, rig.items(1))) == std::vector{Verdict::ok});
    CHECK_THAT(problem, Contains("it cannot be opened"));
    CHECK_FALSE(call.slot().has_problem());
    call.close(0);
    CHECK(script.created == script.destroyed);
}

TEST_CASE("what needs a person, and a stop, end the wait for an instance", "[handle]") {
    Rig rig;
    Script script;
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
    CHECK(call.open());
    CHECK(script.created == 1);
    call.close(0);

    script.open = [] { return VOLLEY_E_FATAL; };
    HandlerCall other(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
    HandlerCall call(rig.pipeline);
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
    std::vector<std::unique_ptr<HandlerCall>> calls;
    for (std::uint32_t w = 0; w < workers; ++w) calls.push_back(std::make_unique<HandlerCall>(rig.pipeline));
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
