#include <rapidjson/document.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "text/text.hpp"
#include "tracing/otlp_json.hpp"
#include "tracing/span_queue.hpp"
#include "tracing/tracer.hpp"

namespace volley::tracing {

namespace {

std::vector<Span> numbered(std::uint64_t from, std::uint64_t count) {
    std::vector<Span> spans(count);
    for (std::uint64_t i = 0; i < count; ++i) spans[i].context.span_id = from + i;
    return spans;
}

void add(SpanQueue& queue, std::uint64_t from, std::uint64_t count) {
    auto spans = numbered(from, count);
    queue.add(spans);
    CHECK(spans.empty());
}

std::vector<std::uint64_t> take(SpanQueue& queue) {
    std::vector<Span> spans;
    queue.take(std::chrono::milliseconds(0), spans);
    std::vector<std::uint64_t> ids;
    for (const Span& span : spans) ids.push_back(span.context.span_id);
    return ids;
}

using Ids = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("the queue keeps the oldest spans, and counts what has no room") {
    SpanQueue queue(5, 2);
    CHECK(take(queue).empty());
    add(queue, 1, 3);
    CHECK(queue.has_room());
    add(queue, 4, 4);
    CHECK_FALSE(queue.has_room());
    CHECK(queue.dropped() == 2);
    CHECK(take(queue) == Ids{1, 2});
    add(queue, 10, 1);
    CHECK(take(queue) == Ids{3, 4});
    add(queue, 20, 4);
    CHECK(queue.dropped() == 3);
    CHECK(take(queue) == Ids{5, 10});
    CHECK(take(queue) == Ids{20, 21});
    CHECK(take(queue) == Ids{22});
    CHECK(take(queue).empty());
}

TEST_CASE("a queue that is closed makes nobody wait") {
    SpanQueue queue(5, 2);
    queue.close();
    std::vector<Span> spans;
    queue.take(std::chrono::hours(1), spans);
    CHECK(spans.empty());
}

TEST_CASE("whatever bytes a message brings, the request is JSON in UTF-8") {
    const SpanSource source{"c\xff", {"kafka", "t\xc3\x28"}, {{"sqlite", "\xed\xa0\x80"}}};
    Span span;
    span.context = {1, 2, 3, true};
    span.source = &source;
    span.message_id = std::string("a\0\xff\"\\\n", 6);
    span.error_type = "handler_fail";
    span.error = std::string(300, '\xc3');
    span.outputs = 40;
    span.sent_to.fill(9);  // a queue that there is not
    Span sending = span;
    sending.kind = Span::Kind::send;
    sending.sent_to.front() = 0;
    const std::string request = encode_request({span, sending}, {{"k\xff", "v\xff"}}, 5);
    CHECK(text::is_utf8(request));
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(request.c_str());
    REQUIRE_FALSE(document.HasParseError());
    const auto& spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"];
    REQUIRE(spans.Size() == 2);
    CHECK(std::string(spans[0]["traceId"].GetString()) == "00000000000000010000000000000002");
    CHECK(std::string(spans[0]["spanId"].GetString()) == "0000000000000003");
    CHECK_FALSE(spans[0].HasMember("parentSpanId"));
    CHECK(std::string(spans[0]["startTimeUnixNano"].GetString()) == "5");
}

TEST_CASE("an answer says how many spans were rejected, or nothing") {
    CHECK(read_response(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"old"}})").rejected == 3);
    CHECK(read_response(R"({"partialSuccess":{"rejectedSpans":4}})").rejected == 4);
    for (const char* body : {"", "{}", "[]", "null", "{\"partialSuccess\":7}", "\xff",
                             "{\"partialSuccess\":{\"rejectedSpans\":[]}}",
                             "{\"partialSuccess\":{\"rejectedSpans\":-1}}", "<html>"})
        CHECK(read_response(body).rejected == 0);
    CHECK(read_response(std::string(60'000, '[')).rejected == 0);
}

namespace {
OpenSpan begun(const Tracer& tracer, const SpanContext* carried) {
    OpenSpan span;
    tracer.begin(carried, 7, span);
    return span;
}
}  // namespace

TEST_CASE("the outputs of a message carry the same context each time it is processed") {
    Settings settings;
    Tracer tracer(settings);
    const SpanContext parent{1, 2, 3, true};
    const OpenSpan first = begun(tracer, &parent), second = begun(tracer, &parent);
    CHECK(first.context.span_id != second.context.span_id);
    CHECK(first.send_id == second.send_id);
    CHECK(first.parent_id == 3);
    CHECK(first.of_outputs().trace_low == 2);
    const OpenSpan root = begun(tracer, nullptr), again = begun(tracer, nullptr);
    CHECK(root.context.trace_high == again.context.trace_high);
    CHECK(root.context.trace_low == again.context.trace_low);
    CHECK(root.parent_id == 0);
    const SpanContext unsampled{1, 2, 3, false};
    CHECK_FALSE(begun(tracer, &unsampled).propagates);
}

TEST_CASE("without the sender's decision receivers learn of this one") {
    Settings settings;
    settings.sampler.bound = 0;
    Tracer tracer(settings);
    const OpenSpan span = begun(tracer, nullptr);
    CHECK(span.propagates);
    CHECK_FALSE(span.of_outputs().is_sampled);
    char text[traceparent_size];
    write_traceparent(span.of_outputs(), text);
    const auto read = parse_traceparent({text, sizeof text});
    REQUIRE(read);
    CHECK(read->trace_high == 0);
    CHECK(read->trace_low == span.context.trace_low);
    CHECK(read->span_id == span.send_id);
    CHECK_FALSE(read->is_sampled);
}

}  // namespace volley::tracing
