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
    {Cause::input, "the input \"orders\" cannot be read", true,
     [](ReadinessFacts& f) { f.input_up = false; }},
    {Cause::input, "the broker is away", true,
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
    {Cause::overdue, "a handler has been running for longer than handler_timeout", false,
     [](ReadinessFacts& f) { f.handler_overdue = true; }},
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
