// The figures of `volley bench`.
#include "latencies.hpp"

#include <catch2/catch.hpp>
#include <limits>

using volley::cli::Latencies;
using volley::cli::shown_latency;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

rapidjson::Document parsed(const char* json) {
    rapidjson::Document document;
    document.Parse(json);
    return document;
}

}  // namespace

TEST_CASE("latencies are those of a component, and of the time in between", "[latencies]") {
    const auto before = parsed(R"({"components": [
        {"name": "bill", "buckets": [{"up_to_seconds": 1.0, "count": 5}]},
        {"name": "ship", "buckets": [{"up_to_seconds": 0.001, "count": 2}]}]})");
    const auto after = parsed(R"({"components": [
        {"name": "ship", "buckets": [{"up_to_seconds": 0.001, "count": 7}, {"up_to_seconds": null, "count": 1}]}]})");
    const Latencies run = Latencies::of(after, "ship").since(Latencies::of(before, "ship"));
    CHECK(run.count() == 6);
    CHECK(run.counts().at(0.001) == 5);
    CHECK(run.counts().at(infinity) == 1);
    CHECK(Latencies::of(after, "nobody").count() == 0);
    CHECK(Latencies::of(parsed("[]"), "ship").count() == 0);
}

TEST_CASE("a quantile lies in its bucket", "[latencies]") {
    Latencies all;
    CHECK_FALSE(all.quantile(0.5));
    all.add(0.001, 50);
    all.add(0.016, 49);
    all.add(infinity, 1);
    CHECK(*all.quantile(0.25) == Approx(0.0005));
    CHECK(*all.quantile(0.5) == Approx(0.001));
    CHECK(*all.quantile(0.99) == Approx(0.016));
    CHECK(*all.quantile(0.75) > 0.016 / 1.19);
    CHECK(*all.quantile(0.999) == Approx(0.016));  // beyond the last bound nothing is known
}

TEST_CASE("a histogram has a line for each doubling, also for those without messages", "[latencies]") {
    Latencies all;
    all.add(0.001, 10);
    all.add(0.001 * 1.189207115002721 * 4, 2000);  // above 4 ms
    all.add(infinity, 1);
    const std::vector<std::string> lines = all.histogram(4);
    REQUIRE(lines.size() == 5);
    CHECK(lines[0] == "   <= 1 ms  #     10");
    CHECK(lines[1] == "   <= 2 ms        0");
    CHECK(lines[3] == "   <= 8 ms  ####  2,000");
    CHECK(lines[4] == "    longer  #     1");
    CHECK(Latencies().histogram(4).empty());
}

TEST_CASE("a latency has three digits at most", "[latencies]") {
    CHECK(shown_latency(std::nullopt) == "-");
    CHECK(shown_latency(0.00042) == "0.42 ms");
    CHECK(shown_latency(0.0312) == "31 ms");
    CHECK(shown_latency(1.2345) == "1.23 s");
    CHECK(volley::cli::with_commas(0) == "0");
    CHECK(volley::cli::with_commas(999) == "999");
    CHECK(volley::cli::with_commas(1'234'567) == "1,234,567");
}
