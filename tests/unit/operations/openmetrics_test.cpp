#include "operations/openmetrics.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "operations/metrics.hpp"

using namespace volley;
using operations::accepts_openmetrics;

TEST_CASE("OpenMetrics is sent to those who ask for it", "[openmetrics]") {
    CHECK(accepts_openmetrics("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3"));
    CHECK(accepts_openmetrics("text/plain, application/openmetrics-text"));
    CHECK_FALSE(accepts_openmetrics("application/openmetrics-text;q=0, text/plain"));
    CHECK_FALSE(accepts_openmetrics("application/openmetrics-text; q=0.0"));
    CHECK_FALSE(accepts_openmetrics("text/plain;version=0.0.4"));
    CHECK_FALSE(accepts_openmetrics("*/*"));
    CHECK_FALSE(accepts_openmetrics(""));
}

TEST_CASE("labels and helps are escaped, numbers are whole, and there is one end", "[openmetrics]") {
    prometheus::MetricFamily family;
    family.name = "volley_lines_total";
    family.help = "one\\two\n\"three\"";
    family.type = prometheus::MetricType::Counter;
    family.metric.resize(1);
    family.metric[0].label = {{"app", "a\"b\\c\nd"}};
    family.metric[0].counter.value = 3;
    auto odd = family;
    odd.name = "volley_odd";
    odd.metric[0].counter.value = std::numeric_limits<double>::infinity();
    const std::string text = operations::openmetrics_text(
        {family, odd},
        [](const auto&, std::size_t, std::size_t) -> const runtime::Exemplar* { return nullptr; });
    CHECK(text ==
          "# TYPE volley_lines counter\n"
          "# HELP volley_lines one\\\\two\\n\\\"three\\\"\n"
          "volley_lines_total{app=\"a\\\"b\\\\c\\nd\"} 3\n"
          "# TYPE volley_odd unknown\n"
          "# HELP volley_odd one\\\\two\\n\\\"three\\\"\n"
          "volley_odd{app=\"a\\\"b\\\\c\\nd\"} +Inf\n"
          "# EOF\n");
}

TEST_CASE("an exemplar is in the bucket that counts it", "[openmetrics]") {
    runtime::EngineSnapshot snapshot;
    runtime::ComponentSnapshot& c = snapshot.components.emplace_back();
    c.name = "ship";
    runtime::LatencyCounts counts;
    for (const double seconds : {0.0005, 0.003, 0.3, 5000.0}) {
        const std::size_t bucket = runtime::latency_bucket(seconds);
        ++counts.counts[bucket];
        c.ack_exemplars.resize(std::max(c.ack_exemplars.size(), bucket + 1));
        c.ack_exemplars[bucket] = {0xa, 0xb, 0xc, seconds, 1'700'000'000};
    }
    c.ack_seconds = std::make_shared<const runtime::LatencyCounts>(counts);
    const std::string text = operations::render_openmetrics(snapshot);
    std::size_t found = 0;
    double lower = 0;
    for (std::size_t at = text.find("volley_ack_latency_seconds_bucket"); at != std::string::npos;
         at = text.find("volley_ack_latency_seconds_bucket", at + 1)) {
        const std::string line = text.substr(at, text.find('\n', at) - at);
        const std::size_t le = line.find("le=\"") + 4;
        const double bound = std::stod(line.substr(le));
        if (const std::size_t exemplar = line.find(" # {trace_id=\"000000000000000a000000000000000b\","
                                                   "span_id=\"000000000000000c\"} ");
            exemplar != std::string::npos) {
            ++found;
            const double value = std::stod(line.substr(line.find("} ", exemplar) + 2));
            CHECK(value > lower);
            CHECK(value <= bound);
        }
        lower = bound;
    }
    CHECK(found == 4);
}
