#include "tracing/context.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <string>

#include "tracing/sampler.hpp"

namespace volley::tracing {

namespace {

const std::string trace = "0af7651916cd43dd8448eb211c80319c";
const std::string parent = "b7ad6b7169203331";

std::string traceparent(const std::string& version, const std::string& flags) {
    return version + "-" + trace + "-" + parent + "-" + flags;
}

}  // namespace

TEST_CASE("a traceparent is read and written") {
    const auto context = parse_traceparent(traceparent("00", "01"));
    REQUIRE(context);
    CHECK(context->trace_high == 0x0af7651916cd43dd);
    CHECK(context->trace_low == 0x8448eb211c80319c);
    CHECK(context->span_id == 0xb7ad6b7169203331);
    CHECK(context->is_sampled);
    char text[traceparent_size];
    write_traceparent(*context, text);
    CHECK(std::string(text, sizeof text) == traceparent("00", "01"));
}

TEST_CASE("only the lowest flag says whether a trace is sampled") {
    CHECK_FALSE(parse_traceparent(traceparent("00", "00"))->is_sampled);
    CHECK_FALSE(parse_traceparent(traceparent("00", "fe"))->is_sampled);
    CHECK(parse_traceparent(traceparent("00", "ff"))->is_sampled);
}

TEST_CASE("a later version is read as far as this one goes") {
    CHECK(parse_traceparent(traceparent("01", "01")));
    CHECK(parse_traceparent(traceparent("cc", "01") + "-what-the-future-brings"));
    CHECK_FALSE(parse_traceparent(traceparent("cc", "01") + ".what"));
    CHECK_FALSE(parse_traceparent(traceparent("cc", "01") + "0"));
}

TEST_CASE("what is not a valid traceparent is none") {
    CHECK_FALSE(parse_traceparent(""));
    CHECK_FALSE(parse_traceparent("00"));
    CHECK_FALSE(parse_traceparent(traceparent("ff", "01")));
    CHECK_FALSE(parse_traceparent(traceparent("00", "01") + "-extra"));
    CHECK_FALSE(parse_traceparent(traceparent("00", "01") + " "));
    CHECK_FALSE(parse_traceparent(" " + traceparent("00", "01")));
    CHECK_FALSE(parse_traceparent(traceparent("00", "0")));
    CHECK_FALSE(parse_traceparent(traceparent("00", "0g")));
    CHECK_FALSE(parse_traceparent(traceparent("0", "01") + "0"));
    CHECK_FALSE(parse_traceparent("00-" + std::string(32, '0') + "-" + parent + "-01"));
    CHECK_FALSE(parse_traceparent("00-" + trace + "-" + std::string(16, '0') + "-01"));
    CHECK_FALSE(parse_traceparent("00-0AF7651916CD43DD8448EB211C80319C-" + parent + "-01"));
    CHECK_FALSE(parse_traceparent("00_" + trace + "_" + parent + "_01"));
    CHECK_FALSE(parse_traceparent(std::string(1 << 20, '-')));
}

TEST_CASE("bytes of any kind are no traceparent, and no reason to crash") {
    std::mt19937 random(1);  // NOLINT: the same every time
    for (int i = 0; i < 20'000; ++i) {
        std::string text = traceparent("00", "01");
        const auto changes = 1 + random() % 3;
        for (unsigned n = 0; n < changes; ++n) text[random() % text.size()] = static_cast<char>(random());
        text.resize(random() % 80, static_cast<char>(random()));
        const auto context = parse_traceparent(text);
        if (!context) continue;
        CHECK((context->trace_high | context->trace_low) != 0);
        CHECK(context->span_id != 0);
    }
}

TEST_CASE("names of headers do not differ by case") {
    CHECK(is_traceparent("traceparent"));
    CHECK(is_traceparent("Traceparent"));
    CHECK_FALSE(is_traceparent("traceparents"));
    CHECK_FALSE(is_traceparent("tracestate"));
    CHECK(is_tracestate("TRACESTATE"));
    CHECK_FALSE(is_tracestate(""));
}

TEST_CASE("ids are never 0 and hardly ever the same") {
    std::set<std::uint64_t> ids;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        ids.insert(random_id());
        ids.insert(derived_id(i, 1));
        ids.insert(derived_id(i, 2));
    }
    CHECK(ids.size() == 30'000);
    CHECK(ids.count(0) == 0);
    CHECK(derived_id(7, 1) == derived_id(7, 1));
}

TEST_CASE("a sampler decides by the sender or by the trace id") {
    bool is_wrong = false;
    const SpanContext yes{1, 1, 1, true}, no{1, 1, 1, false};
    const auto by_parent = sampler_named("parentbased_always_off", "", &is_wrong);
    CHECK(by_parent->samples(&yes, 0));
    CHECK_FALSE(by_parent->samples(&no, 0));
    CHECK_FALSE(by_parent->samples(nullptr, 0));
    CHECK(sampler_named("always_on", "", &is_wrong)->samples(&no, ~0ULL));
    CHECK_FALSE(sampler_named("always_off", "", &is_wrong)->samples(&yes, 0));
    CHECK(sampler_named("traceidratio", "1", &is_wrong)->samples(nullptr, ~0ULL));
    CHECK_FALSE(sampler_named("traceidratio", "0", &is_wrong)->samples(nullptr, 0));
    const auto quarter = sampler_named("parentbased_traceidratio", "0.25", &is_wrong);
    int sampled = 0;
    for (std::uint64_t i = 0; i < 40'000; ++i) sampled += quarter->samples(nullptr, derived_id(i, 1)) ? 1 : 0;
    CHECK(sampled > 9'000);
    CHECK(sampled < 11'000);
    CHECK_FALSE(is_wrong);
    CHECK_FALSE(sampler_named("jaeger_remote", "", &is_wrong));
    CHECK_FALSE(sampler_named("", "", &is_wrong));
    for (const char* argument : {"2", "-0.1", "nan", "half", "0.5x"}) {
        is_wrong = false;
        CHECK(sampler_named("traceidratio", argument, &is_wrong)->samples(nullptr, ~0ULL));
        CHECK(is_wrong);
    }
}

}  // namespace volley::tracing
