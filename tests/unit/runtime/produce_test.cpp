// How the intake receives the reports of a producer.
#include "runtime/produce.hpp"

#include <catch2/catch.hpp>

#include "log/log.hpp"
#include "plugins/call_error.hpp"

using namespace volley;

TEST_CASE("a report of a status that the ABI does not define is taken for none that it defines") {
    runtime::Completions completions;
    runtime::OutputQueue output_queue;
    output_queue.completions = &completions;
    // The second value has the low bits of VOLLEY_OK.
    for (const std::int32_t status : {std::int32_t{VOLLEY_END}, 65536, -65536, -11}) {
        volley_report report{};
        report.status = status;
        runtime::on_report(&output_queue, &report, 1, sizeof report);
        runtime::Drained drained;
        completions.drain(drained);
        INFO(status);
        REQUIRE(drained.completions.size() == 1);
        CHECK(drained.completions[0].status != VOLLEY_OK);
        CHECK_FALSE(plugins::is_error_status(drained.completions[0].status));
    }
    CHECK(output_queue.sent == 0);
    CHECK(output_queue.failed == 4);
}

TEST_CASE("a report that comes after close is ignored") {
    log::configure(log::Level::off, log::Format::text);
    runtime::Completions completions;
    runtime::OutputQueue output_queue;
    output_queue.completions = &completions;
    output_queue.closed = true;
    for (const std::int32_t status : {VOLLEY_OK, VOLLEY_E_RETRY}) {
        volley_report report{};
        report.status = status;
        runtime::on_report(&output_queue, &report, 1, sizeof report);
    }
    runtime::Drained drained;
    completions.drain(drained);
    CHECK(drained.completions.empty());
    CHECK(output_queue.reported() == 0);
    CHECK(output_queue.told_late);
}
