// The memory that a message may use: dead letters and retries reuse the memory of earlier attempts, and
// outputs count towards max_in_flight_bytes.
#include <catch2/catch.hpp>

#include "runtime/dead_letter.hpp"
#include "scripted.hpp"

using namespace volley;
using scripted::script;
using scripted::Script;

TEST_CASE("a dead letter that is written again and again takes no more memory than the first") {
    for (const bool envelope : {false, true}) {
        runtime::Pipeline pipeline;
        pipeline.app = "app";
        pipeline.config.name = "component";
        pipeline.input.name = "in";
        pipeline.dead_letters = std::make_unique<runtime::OutputQueue>();
        pipeline.dead_letters->flags = envelope ? 0 : VOLLEY_CAN_HEADERS;
        runtime::MessageContext context;
        const std::string body(10'000, 'x');
        volley_message message{};
        message.body = view_of(body);
        context.arrive(message, 0, 0);
        context.begin();
        context.explain(VOLLEY_REASON_HANDLER_FAIL, "no");
        runtime::dead_letter(pipeline, context, 0, 1);
        const std::size_t first = context.arena.capacity();
        for (int i = 0; i < 1000; ++i) {
            const volley_record record = runtime::dead_letter(pipeline, context, 0, 1);
            REQUIRE((envelope || text_of(record.body) == body));
        }
        CHECK(context.arena.capacity() == first);
        context.shrink();
        CHECK(context.held() == 0);
    }
}

TEST_CASE("outputs that are discarded give their memory back") {
    runtime::MessageContext context;
    for (int i = 0; i < 100; ++i) {
        context.arena.copy(std::string(100'000, 'x'));
        context.outputs.resize(500);
        CHECK(context.held() > 100'000);
        context.discard_outputs();
        CHECK(context.held() == 0);
    }
}

TEST_CASE("outputs count against max_in_flight_bytes, and a message with more than that passes") {
    constexpr std::size_t output = 10'000;
    struct Expected {
        const char* limit;
        int outputs;
        std::size_t most;
    };
    // The limit does not cover the first two batches of each worker: the size of their outputs is not known
    // in advance. How many messages a batch has depends on how many arrive before the first result.
    constexpr std::size_t first = 2 * 2 * 10;
    for (const Expected& e : {Expected{"1MiB", 4, (1U << 20U) + first * 4 * output},
                              Expected{"64KiB", 20, first * 20 * output}}) {
        INFO(e.limit);
        Script now;
        now.log = true;
        now.messages = 3000;
        now.reports = scripted::Reports::when_released;
        script = &now;
        const auto engine = scripted::make_engine(
            "", std::string(", workers: 2, order: none, max_in_flight_bytes: ") + e.limit,
            [&](const Message&, Outputs& outputs) {
                for (int i = 0; i < e.outputs; ++i) outputs.send_all(std::string(output, 'x'));
            });
        int quiet = 0;
        std::size_t seen = 0;
        const auto ended = scripted::run_until(*engine, [&] {
            const std::lock_guard lock(now.mutex);
            // Release the reports once no more records arrive.
            quiet = now.held_records == seen && seen > 0 ? quiet + 1 : 0;
            seen = now.held_records;
            if (quiet == 300) now.released = true;
            return now.committed == now.messages;
        });
        CHECK(ended.code == 0);
        CHECK(now.committed == now.messages);
        CHECK(now.released);
        CHECK(now.most_held_bytes <= e.most);
    }
}

TEST_CASE("what a handler makes before it asks to try again is forgotten") {
    Script now;
    now.messages = 5;
    now.reports = scripted::Reports::when_released;
    script = &now;
    std::atomic<int> tries{0};
    const auto engine =
        scripted::make_engine("", ", retry: {max_attempts: 100000, initial_delay: 1ms, max_delay: 1ms}",
                              [&](const Message&, Outputs& outputs) {
                                  outputs.send_all(std::string(1000, 'x'));
                                  ++tries;
                                  if (tries < 500) throw RetryLater("not yet");
                              });
    const auto ended = scripted::run_until(*engine, [&] {
        const std::lock_guard lock(now.mutex);
        now.released = now.released || tries >= 500;
        return now.acked == now.messages;
    });
    CHECK(ended.code == 0);
    CHECK(now.acked == now.messages);
    CHECK(now.most_held_bytes == 1000);
}

TEST_CASE("a handler's wish to be asked no sooner is honoured, though it is longer than max_delay") {
    Script now;
    now.messages = 1;
    script = &now;
    std::atomic<std::int64_t> first_ms{0}, second_ms{0};
    const auto engine = scripted::make_engine(
        "", ", retry: {initial_delay: 1ms, max_delay: 10ms}", [&](const Message& message, Outputs&) {
            const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                    std::chrono::steady_clock::now().time_since_epoch())
                                    .count();
            if (message.attempt() > 1) {
                second_ms = now_ms;
                return;
            }
            first_ms = now_ms;
            throw RetryLater("429 Too Many Requests", 400);
        });
    CHECK(scripted::run_until(*engine, [&] { return now.acked == 1; }).code == 0);
    CHECK(second_ms - first_ms >= 400);
}
