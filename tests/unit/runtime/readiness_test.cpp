// Why a component is not ready: which cause comes first, its text, and whether it is an outage.
#include "runtime/readiness.hpp"

#include <catch2/catch.hpp>
#include <functional>

using namespace volley;
using namespace volley::runtime;
using Cause = Readiness::Cause;

namespace {

const std::string orders = "orders", bills = "bills", dead = "dead";

ReadinessFacts well() {
    ReadinessFacts facts;
    facts.input = &orders;
    facts.opened = true;
    facts.input_up = true;
    return facts;
}

struct Case {
    Cause cause;
    std::string text;
    bool is_outage;
    std::function<void(ReadinessFacts&)> set;
};

// In order of precedence.
const Case cases[] = {
    {Cause::failed, "out of money", false,
     [](ReadinessFacts& f) { f.failure = Error(ErrorCode::fatal, "out of money"); }},
    {Cause::starting, "starting", false, [](ReadinessFacts& f) { f.opened = false; }},
    {Cause::draining, "draining", false, [](ReadinessFacts& f) { f.draining = true; }},
    {Cause::paused, "paused by an operator; `volley resume` lets it go on", false,
     [](ReadinessFacts& f) { f.paused = true; }},
    {Cause::input, "the input \"orders\" cannot be read", true,
     [](ReadinessFacts& f) { f.input_up = false; }},
    {Cause::input, "the input \"orders\" is down: the broker is away", true,
     [](ReadinessFacts& f) { f.input_down = "the broker is away"; }},
    {Cause::handler, "the database is away", true,
     [](ReadinessFacts& f) { f.handler_outage = "the database is away"; }},
    {Cause::output, "the output \"bills\" does not take messages", true,
     [](ReadinessFacts& f) { f.output_down = &bills; }},
    {Cause::dead_letters, "the dead-letter queue \"dead\" does not take messages", true,
     [](ReadinessFacts& f) { f.dead_letters_down = &dead; }},
    {Cause::breaker, "every message fails; the input is held back, and one message at a time is tried", false,
     [](ReadinessFacts& f) { f.breaker_open = true; }},
    {Cause::exhausted, "3 messages have failed max_attempts times and are tried on", false,
     [](ReadinessFacts& f) { f.exhausted = 3; }},
    {Cause::handler, "the program does not start", false,
     [](ReadinessFacts& f) { f.handler_problem = "the program does not start"; }},
    {Cause::overdue, "a handler has been running since 2026-11-24T10:00:00Z, for longer than handler_timeout",
     false, [](ReadinessFacts& f) { f.overdue_since = 1'795'514'400; }},
};

}  // namespace

TEST_CASE("a component of which nothing bad is known is ready", "[readiness]") {
    const Readiness ready = readiness_of(well());
    CHECK(ready.is_ready());
    CHECK(ready.cause == Cause::none);
    CHECK(ready.text.empty());
    CHECK_FALSE(ready.is_outage);
}

TEST_CASE("each cause has its sentence, and only what is not ours to mend is an outage", "[readiness]") {
    for (const Case& c : cases) {
        INFO(c.text);
        ReadinessFacts facts = well();
        c.set(facts);
        const Readiness readiness = readiness_of(facts);
        CHECK_FALSE(readiness.is_ready());
        CHECK(readiness.cause == c.cause);
        CHECK(readiness.text == c.text);
        CHECK(readiness.is_outage == c.is_outage);
    }
}

TEST_CASE("of several causes the first in their order is named", "[readiness]") {
    for (std::size_t first = 0; first < std::size(cases); ++first) {
        for (std::size_t second = first + 1; second < std::size(cases); ++second) {
            // Another test covers the text of a handler's problem while the component starts.
            if (cases[first].cause == Cause::starting && cases[second].text == "the program does not start")
                continue;
            INFO(cases[first].text << " and " << cases[second].text);
            ReadinessFacts facts = well();
            cases[first].set(facts);
            cases[second].set(facts);
            CHECK(readiness_of(facts).text == cases[first].text);
        }
    }
}

TEST_CASE("a component that starts says what its handler waits for", "[readiness]") {
    ReadinessFacts facts = well();
    facts.opened = false;
    facts.handler_problem = "the program does not start";
    CHECK(readiness_of(facts).cause == Cause::starting);
    CHECK(readiness_of(facts).text == "the program does not start");
}

TEST_CASE("a component that starts says which queue it cannot open", "[readiness]") {
    ReadinessFacts facts = well();
    facts.opened = false;
    facts.opening = "the queue \"bills\" cannot be opened: refused";
    CHECK(readiness_of(facts).text == "the queue \"bills\" cannot be opened: refused");
}

TEST_CASE("an outage is named with what its connector says", "[readiness]") {
    ReadinessFacts facts = well();
    facts.dead_letters_down = &dead;
    facts.dead_letters_cause = "disk full";
    CHECK(readiness_of(facts).text == "the dead-letter queue \"dead\" does not take messages: disk full");
    facts.output_down = &bills;
    facts.output_cause = "no route";
    CHECK(readiness_of(facts).text == "the output \"bills\" does not take messages: no route");
    facts.input_up = false;
    facts.input_cause = "refused";
    CHECK(readiness_of(facts).text == "the input \"orders\" cannot be read: refused");
    facts.input_up = true;
    facts.input_down = "the input is down";  // of a connector that gives no reason
    CHECK(readiness_of(facts).text == "the input \"orders\" is down");
}

TEST_CASE("an outage excuses messages in flight although the component is paused", "[readiness]") {
    ReadinessFacts facts = well();
    facts.paused = true;
    CHECK_FALSE(readiness_of(facts).is_outage);
    facts.output_down = &bills;
    CHECK(readiness_of(facts).cause == Cause::paused);
    CHECK(readiness_of(facts).is_outage);
}

TEST_CASE("the message that is tried next is named", "[readiness]") {
    RetryingSnapshot next;
    next.message = "771189";
    next.partition = 4;
    next.attempt = 3;
    next.next_try_seconds = 1'795'514'400.5;
    next.error = "no stock";
    ReadinessFacts facts = well();
    facts.exhausted = 1;
    facts.next_retry = &next;
    CHECK(readiness_of(facts).text ==
          "1 message has failed max_attempts times and is tried on; message 771189 of partition 4 is tried "
          "again at 2026-11-24T10:00:00Z (attempt 4): no stock");
    facts.breaker_open = true;
    CHECK(
        readiness_of(facts).text ==
        "every message fails; the input is held back, and one message at a time is tried; message 771189 of "
        "partition 4 is tried again at 2026-11-24T10:00:00Z (attempt 4): no stock");
}

TEST_CASE("the time of a cause is that of its first appearance", "[readiness]") {
    CauseClock clock;
    CHECK(clock.since(Cause::none, 1'000) == 0);
    CHECK(clock.since(Cause::input, 2'000) == 2);
    CHECK(clock.since(Cause::input, 3'000) == 2);
    CHECK(clock.since(Cause::output, 4'000) == 4);
    CHECK(clock.since(Cause::none, 5'000) == 0);
    CHECK(clock.since(Cause::output, 6'000) == 6);
}
