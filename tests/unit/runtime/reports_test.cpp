// What workers and producers report, what the core gets of it, and which reports are rejected.
#include "runtime/reports.hpp"

#include <catch2/catch.hpp>

#include "core_rig.hpp"

using namespace rig;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using delivery::Step;
using delivery::Verdict;
using runtime::Completion;

namespace {

constexpr std::uint16_t out = 0, bills = 1;
constexpr delivery::Instant start = 1000ms;
constexpr delivery::Instant later = 60'000ms;  // after every backoff

delivery::Options with_dead_letters() {
    delivery::Options options = unordered();
    options.on_permanent = options.on_exhausted = delivery::FailureAction::dead_letter;
    return options;
}

// A component with the outputs "out" and "bills", and the dead-letter queue "dead".
struct Rig : Core {
    Rig() : Core(with_dead_letters()) {
        assignments.use_one_lane();
        for (const char* queue : {"out", "bills"}) {
            pipeline.output_queues.push_back(std::make_unique<runtime::OutputQueue>());
            pipeline.output_queues.back()->queue = queue;
        }
        pipeline.dead_letters = std::make_unique<runtime::OutputQueue>();
        pipeline.dead_letters->queue = "dead";
    }
    // Returns a message that a worker has started, with outputs to these output queues.
    Slot begin(const std::vector<std::uint16_t>& queues) {
        const Slot slot = receive(++messages, assignments.all().front().lane);
        take();
        for (const std::uint16_t queue_index : queues)
            pipeline.contexts[slot].outputs.emplace_back().queue_index = queue_index;
        return slot;
    }
    // Returns a message that a worker has returned.
    Slot sent(const std::vector<std::uint16_t>& queues) {
        const Slot slot = begin(queues);
        says_handled(slot, queues.size());
        CHECK(take_reports());
        return slot;
    }
    // Returns a message whose dead letter is with its producer.
    Slot dead_lettered() {
        const Slot slot = sent({out});
        says_refused(slot, 0, VOLLEY_E_PERMANENT);
        CHECK(take_reports());
        const auto items = take();
        REQUIRE(items.size() == 1);
        REQUIRE(items[0].step == Step::dead_letter);
        return slot;
    }

    void push(Completion::Kind kind, Slot slot, std::size_t count, std::int32_t status,
              std::uint16_t queue_index, int life_off = 0) {
        Completion c;
        c.kind = kind;
        c.status = static_cast<std::int16_t>(status);
        c.slot = slot;
        c.count = static_cast<std::uint32_t>(count);
        const auto life = static_cast<std::uint16_t>(core.entry(slot).life + life_off);
        c.origin = {queue_index, life};
        if (status == VOLLEY_OK)
            pipeline.completions.push(&c, 1);
        else
            pipeline.completions.push(c, "as the test says");
    }
    void says_handled(Slot slot, std::size_t outputs, Verdict verdict = Verdict::ok) {
        Completion c;
        c.kind = Completion::Kind::handled;
        c.verdict = verdict;
        c.slot = slot;
        c.count = static_cast<std::uint32_t>(outputs);
        if (verdict == Verdict::retry) c.detail = VOLLEY_REASON_HANDLER_RETRY;
        pipeline.completions.push(&c, 1);
    }
    void says_stored(Slot slot, std::size_t output, std::uint16_t queue_index = out) {
        push(Completion::Kind::reported, slot, output, VOLLEY_OK, queue_index);
    }
    void says_refused(Slot slot, std::size_t output, std::int32_t status, std::uint16_t queue_index = out) {
        push(Completion::Kind::reported, slot, output, status, queue_index);
    }
    void says_of_dead_letter(Slot slot, std::int32_t status) {
        push(Completion::Kind::dead_letter, slot, 0, status, 0);
    }
    bool take_reports(delivery::Instant now = start) { return reports.take(now); }
    // Takes the reports. Returns why the component cannot go on; empty: it can.
    std::string failure() {
        CHECK(take_reports());
        return reports.failure() ? reports.failure()->text : "";
    }
    // Whether the only settlement is an ack of this message.
    bool is_acked(Slot slot) {
        const auto all = settlements();
        return all.size() == 1 && all[0].slot == slot && all[0].kind == delivery::SettlementKind::ack;
    }

    std::uint64_t messages = 0;
    runtime::WorkerPool workers{pipeline};
    runtime::MessageFailureLog failures{pipeline};
    runtime::Reports reports{pipeline, core, workers, failures};
};

}  // namespace

TEST_CASE("a message is acked when all its outputs are stored, and not before", "[reports]") {
    Rig rig;
    const Slot slot = rig.sent({out, bills});
    CHECK(rig.settlements().empty());
    rig.says_stored(slot, 1, bills);
    CHECK(rig.failure().empty());
    CHECK(rig.settlements().empty());
    rig.says_stored(slot, 0);
    CHECK(rig.failure().empty());
    CHECK(rig.is_acked(slot));
    CHECK_FALSE(rig.take_reports());
}

TEST_CASE("each of many reports that come together counts", "[reports]") {
    Rig rig;
    std::vector<Slot> slots;
    for (int i = 0; i < 50; ++i) slots.push_back(rig.sent({out}));
    for (const Slot slot : slots) rig.says_stored(slot, 0);
    CHECK(rig.failure().empty());
    CHECK(rig.settlements().size() == 50);
}

TEST_CASE("a report may come before the worker returns the message", "[reports]") {
    Rig rig;
    const Slot slot = rig.begin({out});
    rig.says_stored(slot, 0);
    CHECK(rig.failure().empty());
    CHECK(rig.settlements().empty());
    rig.says_handled(slot, 1);
    CHECK(rig.failure().empty());
    CHECK(rig.is_acked(slot));
}

TEST_CASE("a message that a handler wants to see again is tried again, and has no outputs", "[reports]") {
    Rig rig;
    const Slot slot = rig.begin({});
    rig.says_handled(slot, 0, Verdict::retry);
    CHECK(rig.failure().empty());
    CHECK(rig.settlements().empty());
    rig.core.tick(later);
    const auto items = rig.take();
    REQUIRE(items.size() == 1);
    CHECK(items[0].slot == slot);
    CHECK(items[0].attempt == 2);
}

TEST_CASE("a report of an output that the message does not have never acks it", "[reports]") {
    for (const std::uint32_t made_up : {1U, 5U, 31U, 32U, 40U}) {
        INFO(made_up);
        Rig one;
        const Slot single = one.sent({out});
        one.says_stored(single, made_up);
        CHECK_THAT(one.failure(), Contains("reported a record twice, or one that it was not given"));
        CHECK(one.settlements().empty());

        if (made_up == 1) continue;
        Rig two;
        const Slot pair = two.sent({out, bills});
        two.says_stored(pair, made_up);
        two.says_stored(pair, 0);
        CHECK_THAT(two.failure(), Contains("reported a record twice, or one that it was not given"));
        CHECK(two.settlements().empty());
    }
}

TEST_CASE("a message with many outputs is acked when all of them are stored, in any order", "[reports]") {
    for (const std::size_t count : {32U, 33U, 40U}) {
        Rig rig;
        const Slot slot = rig.sent(std::vector<std::uint16_t>(count, out));
        for (std::uint32_t i = 0; i < count; ++i) {
            CHECK(rig.settlements().empty());
            rig.says_stored(slot, (i * 7 + 39) % count);
            CHECK(rig.failure().empty());
        }
        CHECK(rig.is_acked(slot));
    }
}

// ---- outputs that are not stored

TEST_CASE("an output that is not stored now is sent again, and only that", "[reports]") {
    for (const std::int32_t status : {VOLLEY_E_RETRY, VOLLEY_E_UNKNOWN, VOLLEY_E_LOST, VOLLEY_E_FATAL}) {
        INFO(status);
        Rig rig;
        const Slot slot = rig.sent({out, bills});
        rig.says_stored(slot, 0);
        rig.says_refused(slot, 1, status, bills);
        CHECK(rig.failure().empty());
        CHECK(rig.settlements().empty());
        CHECK_FALSE(rig.pipeline.contexts[slot].outputs[0].failed);
        CHECK(rig.pipeline.contexts[slot].outputs[1].failed);
        rig.core.tick(later);
        const auto items = rig.take();
        REQUIRE(items.size() == 1);
        CHECK(items[0].step == Step::send_again);
        rig.says_stored(slot, 1, bills);
        CHECK(rig.failure().empty());
        CHECK(rig.is_acked(slot));
        CHECK(rig.core.counters().possible_duplicates == (status == VOLLEY_E_UNKNOWN ? 1 : 0));
    }
}

TEST_CASE("a message whose output can never be stored becomes a dead letter, then it is acked", "[reports]") {
    for (const std::int32_t status : {VOLLEY_E_PERMANENT, VOLLEY_E_TOO_LARGE, VOLLEY_E_UNSUPPORTED}) {
        INFO(status);
        Rig rig;
        const Slot slot = rig.sent({bills});
        rig.says_refused(slot, 0, status, bills);
        CHECK(rig.failure().empty());
        CHECK(rig.settlements().empty());
        const runtime::MessageContext& context = rig.pipeline.contexts[slot];
        CHECK(context.reason ==
              std::uint32_t{status == VOLLEY_E_TOO_LARGE ? VOLLEY_REASON_TOO_LARGE : VOLLEY_REASON_OUTPUT});
        CHECK(context.last_error == "output to \"bills\": as the test says");
        CHECK(context.outputs.empty());
        const auto items = rig.take();
        REQUIRE(items.size() == 1);
        CHECK(items[0].step == Step::dead_letter);
        rig.says_of_dead_letter(slot, VOLLEY_OK);
        CHECK(rig.failure().empty());
        CHECK(rig.is_acked(slot));
        CHECK(rig.core.counters().dead == 1);
    }
}

TEST_CASE("a queue that takes nothing until a person acts ends the component; nothing is acked",
          "[reports]") {
    for (const ErrorCode code : {ErrorCode::unauthorized, ErrorCode::config, ErrorCode::fenced}) {
        Rig rig;
        rig.pipeline.output_queues[out]->label = "store.so:Output";
        const Slot slot = rig.sent({out});
        rig.says_refused(slot, 0, static_cast<std::int32_t>(code));
        CHECK(rig.failure() == "output to \"out\": store.so:Output: as the test says");
        CHECK(rig.reports.failure()->code == code);
        CHECK(rig.settlements().empty());
    }
}

TEST_CASE("a producer that cannot go on ends the component; the first cause is kept", "[reports]") {
    Rig rig;
    for (const char* cause : {"the disk is gone", "and so is the network"}) {
        Completion c;
        c.kind = Completion::Kind::producer_failed;
        c.status = VOLLEY_E_FATAL;
        rig.pipeline.completions.push(c, cause);
    }
    CHECK(rig.failure() == "the disk is gone");
    CHECK(rig.reports.failure()->code == ErrorCode::fatal);
}

TEST_CASE("what was said with a failure is taken, too", "[reports]") {
    Rig rig;
    const Slot first = rig.sent({out});
    const Slot second = rig.sent({out});
    rig.says_refused(first, 0, VOLLEY_E_FENCED);
    rig.says_stored(second, 0);
    CHECK_FALSE(rig.failure().empty());
    CHECK(rig.is_acked(second));
}

// ---- dead letters

TEST_CASE("a dead letter that is not stored now is sent again", "[reports]") {
    Rig rig;
    const Slot slot = rig.dead_lettered();
    rig.says_of_dead_letter(slot, VOLLEY_E_RETRY);
    CHECK(rig.failure().empty());
    CHECK(rig.core.dead_letters_waiting() == 1);
    CHECK(rig.settlements().empty());
    rig.core.tick(later);
    REQUIRE(rig.take().size() == 1);
    rig.says_of_dead_letter(slot, VOLLEY_OK);
    CHECK(rig.failure().empty());
    CHECK(rig.is_acked(slot));
    CHECK(rig.core.dead_letters_waiting() == 0);
}

TEST_CASE("a dead letter that is too large is sent once more, cut", "[reports]") {
    Rig rig;
    const Slot slot = rig.dead_lettered();
    rig.says_of_dead_letter(slot, VOLLEY_E_TOO_LARGE);
    CHECK(rig.failure().empty());
    CHECK(rig.pipeline.contexts[slot].truncate);
    CHECK_FALSE(rig.core.failed());
    rig.core.tick(later);
    REQUIRE(rig.take().size() == 1);
    rig.says_of_dead_letter(slot, VOLLEY_E_TOO_LARGE);
    rig.take_reports();
    CHECK(rig.core.failed());
}

TEST_CASE("a dead letter that is refused for good stops the component, the message unacked", "[reports]") {
    Rig rig;
    const Slot slot = rig.dead_lettered();
    rig.says_of_dead_letter(slot, VOLLEY_E_PERMANENT);
    rig.take_reports();
    CHECK(rig.core.failed());
    CHECK(rig.core.failed_slot() == slot);
    const auto settlements = rig.settlements();
    REQUIRE(settlements.size() == 1);
    CHECK(settlements[0].kind == delivery::SettlementKind::release);
}

// ---- false reports

TEST_CASE("a second report of an output is false, whatever it says", "[reports]") {
    for (const std::int32_t status : {VOLLEY_OK, VOLLEY_E_RETRY, VOLLEY_E_PERMANENT}) {
        INFO(status);
        Rig rig;
        const Slot slot = rig.sent({out, out});
        rig.says_stored(slot, 0);
        rig.says_refused(slot, 0, status);
        CHECK_THAT(rig.failure(), Contains("output to \"out\"") && Contains("reported a record twice"));
        CHECK(rig.reports.failure()->code == ErrorCode::fatal);
        CHECK(rig.settlements().empty());
    }
}

TEST_CASE("a report of a message that is gone is false", "[reports]") {
    for (const std::int32_t status : {VOLLEY_OK, VOLLEY_E_RETRY}) {
        INFO(status);
        Rig rig;
        const Slot slot = rig.sent({out});
        rig.push(Completion::Kind::reported, slot, 0, status, out, -1);  // for the slot's previous message
        CHECK_THAT(rig.failure(), Contains("reported a record twice"));
        CHECK(rig.settlements().empty());
    }
}

TEST_CASE("a report of a slot that there is not is false", "[reports]") {
    for (const std::int32_t status : {VOLLEY_OK, VOLLEY_E_RETRY}) {
        INFO(status);
        Rig rig;
        const Slot slot = rig.sent({out});
        rig.push(Completion::Kind::reported, slot + 1, 0, status, out, 1);
        CHECK_THAT(rig.failure(), Contains("reported a record twice"));
        CHECK(rig.settlements().empty());
    }
}

TEST_CASE("a refusal of an output that there is not, or of another's, is false", "[reports]") {
    struct Case {
        std::size_t output;
        std::uint16_t queue_index;
    };
    for (const Case c : {Case{1, out}, Case{0, bills}}) {
        Rig rig;
        const Slot slot = rig.sent({out});
        rig.says_refused(slot, c.output, VOLLEY_E_RETRY, c.queue_index);
        CHECK_THAT(rig.failure(), Contains("reported a record twice"));
        CHECK(rig.settlements().empty());
    }
}

TEST_CASE("that an output is stored its own producer says, and no other", "[reports]") {
    Rig rig;
    const Slot slot = rig.sent({out, bills});
    rig.says_stored(slot, 0, out);
    rig.says_stored(slot, 1, out);
    CHECK_THAT(rig.failure(), Contains("output to \"out\"") && Contains("reported a record twice"));
    CHECK(rig.settlements().empty());
}

TEST_CASE("a report with a status that the ABI does not define ends the component", "[reports]") {
    for (const std::int32_t status : {std::int32_t{VOLLEY_AGAIN}, std::int32_t{VOLLEY_PENDING}, 99, -99}) {
        INFO(status);
        Rig rig;
        rig.pipeline.output_queues[out]->label = "store.so:Output";
        rig.pipeline.dead_letters->label = "store.so:Dead";
        const Slot slot = rig.sent({out});
        rig.says_refused(slot, 0, status);
        CHECK_THAT(rig.failure(),
                   Contains("store.so:Output reported ") && Contains("which the ABI does not"));
        CHECK(rig.reports.failure()->code == ErrorCode::fatal);
        CHECK(rig.settlements().empty());

        Rig letters;
        letters.pipeline.dead_letters->label = "store.so:Dead";
        const Slot letter = letters.dead_lettered();
        letters.says_of_dead_letter(letter, status);
        CHECK_THAT(letters.failure(), Contains("store.so:Dead reported "));
        CHECK(letters.settlements().empty());
    }
}

TEST_CASE("a message with a report of an output that it turns out not to have is released", "[reports]") {
    Rig rig;
    const Slot slot = rig.begin({out});
    rig.says_stored(slot, 5);
    CHECK(rig.failure().empty());
    rig.says_handled(slot, 1);
    CHECK_THAT(rig.failure(), Contains("reported a record twice"));
    CHECK(rig.settlements().empty());  // the producer still has its output
    rig.says_stored(slot, 0);
    CHECK(rig.take_reports());
    const auto settlements = rig.settlements();
    REQUIRE(settlements.size() == 1);
    CHECK(settlements[0].kind == delivery::SettlementKind::release);
}

TEST_CASE("a report of a dead letter that was not given, or is stored already, is false", "[reports]") {
    for (const std::int32_t status : {VOLLEY_OK, VOLLEY_E_RETRY}) {
        INFO(status);
        Rig rig;
        const Slot slot = rig.sent({out});
        rig.says_of_dead_letter(slot, status);
        CHECK_THAT(rig.failure(), Contains("output to \"dead\"") && Contains("reported a record twice"));
        CHECK(rig.settlements().empty());

        Rig twice;
        const Slot letter = twice.dead_lettered();
        twice.says_of_dead_letter(letter, VOLLEY_OK);
        twice.says_of_dead_letter(letter, status);
        CHECK_THAT(twice.failure(), Contains("reported a record twice"));
    }
}

TEST_CASE("a report of an output is false while a dead letter is awaited", "[reports]") {
    Rig rig;
    const Slot slot = rig.dead_lettered();
    rig.says_stored(slot, 0);
    CHECK_THAT(rig.failure(), Contains("reported a record twice"));
    CHECK(rig.settlements().empty());
}
