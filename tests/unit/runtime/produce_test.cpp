// What a producer reports, as the intake hears of it.
#include "runtime/produce.hpp"

#include <catch2/catch.hpp>

using namespace volley;

TEST_CASE("a report of a status that the ABI does not know is not taken for success") {
    runtime::Completions completions;
    runtime::Port port;
    port.completions = &completions;
    // The second has the low bits of VOLLEY_OK.
    for (const std::int32_t status : {std::int32_t{VOLLEY_END}, 65536, -65536, -11}) {
        volley_report report{};
        report.status = status;
        runtime::on_report(&port, &report, 1, sizeof report);
        runtime::Drained drained;
        completions.drain(drained);
        INFO(status);
        REQUIRE(drained.completions.size() == 1);
        CHECK(drained.completions[0].status == VOLLEY_E_UNKNOWN);
    }
    CHECK(port.sent == 0);
    CHECK(port.failed == 4);
}
