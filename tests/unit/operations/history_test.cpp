#include "operations/history.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "volley/plugin.h"

using namespace volley;
using operations::History;
using operations::Rates;

namespace {

runtime::EngineSnapshot engine_at(double second) {
    runtime::EngineSnapshot snapshot;
    snapshot.started_seconds = 1'000;
    runtime::ComponentSnapshot component;
    component.name = "ship \"it\"";
    component.received = static_cast<std::uint64_t>(second * 100);
    component.handle_seconds.counts[3] = static_cast<std::uint64_t>(second * 98);  // 25 to 50 ms
    component.handle_seconds.counts[9] = static_cast<std::uint64_t>(second * 2);   // 0.75 to 1 s
    snapshot.components.push_back(component);
    return snapshot;
}

struct Recorded {
    Rates rates;
    History history;
    void until(double last) {
        for (double second = 0; second <= last; ++second) add(engine_at(second), second);
    }
    void add(const runtime::EngineSnapshot& snapshot, double second) {
        rates.add(snapshot, 500 + second);
        history.add(snapshot, rates, 500 + second, 1'000 + second);
    }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a point every five seconds has rates and durations, null before a call has ended") {
    Recorded recorded;
    recorded.until(11);
    const std::string json = recorded.history.json();
    INFO(json);
    CHECK(has(json, R"("name":"ship \"it\"","at":[1000.0,1005.0,1010.0],"received":[0,100.0,100.0])"));
    CHECK(has(json, R"("p50_seconds":[null,0.03776,0.03776])"));
    CHECK(has(json, R"("p99_seconds":[null,0.875,0.875])"));
    CHECK(has(json, R"("waiting":[null,null,null])"));
    CHECK(has(json, R"("marks":[{"at":1000.0,"kind":"start","text":null}])"));
}

TEST_CASE("failed sends count as failures, as attempts that failed do") {
    Rates rates;
    auto engine = engine_at(0);
    engine.components.front().outputs.push_back({});
    rates.add(engine, 500);
    engine.components.front().failures[VOLLEY_REASON_HANDLER_RETRY] = 10;
    engine.components.front().outputs.front().failed = 30;
    CHECK(rates.of(engine.components.front(), 510).failed == Approx(4));
}

TEST_CASE("a mark of a restart is of a handler that failed, not of one that was recycled") {
    Recorded recorded;
    auto engine = engine_at(0);
    engine.components.front().worker_restarts = 5;
    engine.components.front().workers_recycled = 3;
    recorded.add(engine, 0);
    CHECK(has(recorded.history.json(), R"("restarts":[2])"));
}

TEST_CASE("history is bounded, and forgets components that are gone") {
    Recorded recorded;
    recorded.until(3'600);
    const std::string json = recorded.history.json();
    CHECK_FALSE(has(json, "[1000.0"));
    CHECK(has(json, R"("at":[3705.0,)"));
    auto without = engine_at(3'605);
    without.components.clear();
    recorded.add(without, 3'605);
    CHECK(has(recorded.history.json(), R"("components":[])"));
}

TEST_CASE("each reload with a verdict has one mark") {
    Recorded recorded;
    auto snapshot = engine_at(1);
    recorded.add(snapshot, 1);
    snapshot.reload.state = runtime::ReloadSnapshot::State::running;
    snapshot.reload.number = 1;
    recorded.add(snapshot, 2);
    snapshot.reload.state = runtime::ReloadSnapshot::State::refused;
    snapshot.reload.text = "no <such> queue";
    snapshot.reload.ended_seconds = 1'003;
    recorded.add(snapshot, 3);
    recorded.add(snapshot, 4);
    CHECK(has(recorded.history.json(),
              R"("text":null},{"at":1003.0,"kind":"refused","text":"no <such> queue"}])"));
}
