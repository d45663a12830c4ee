#include "tracing/otlp_json.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "text/json_text.hpp"
#include "text/text.hpp"

namespace volley::tracing {

namespace {

using text::JsonWriter;

constexpr int kind_producer = 4;  // SPAN_KIND_PRODUCER
constexpr int kind_consumer = 5;  // SPAN_KIND_CONSUMER
constexpr int status_error = 2;   // STATUS_CODE_ERROR

std::string_view name_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::ok:
            return "ok";
        case Outcome::dropped:
            return "dropped";
        case Outcome::retry:
            return "retry";
        case Outcome::failed:
            return "failed";
    }
    return "";
}

void string(JsonWriter& writer, std::string_view value) {
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void text(JsonWriter& writer, std::string_view value) {
    if (text::is_utf8(value)) return string(writer, value);
    string(writer, text::safe(value));
}

void id(JsonWriter& writer, const char* key, std::uint64_t number) {
    char hex[16];
    write_hex(number, hex);
    writer.Key(key);
    string(writer, {hex, sizeof hex});
}

// 64-bit numbers are strings in the JSON of Protocol Buffers.
void number(JsonWriter& writer, const char* key, std::int64_t value) {
    char digits[24];
    const char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    writer.Key(key);
    string(writer, {digits, static_cast<std::size_t>(end - digits)});
}

void attribute(JsonWriter& writer, std::string_view key, std::string_view value) {
    writer.StartObject();
    writer.Key("key");
    text(writer, key);
    writer.Key("value");
    writer.StartObject();
    writer.Key("stringValue");
    text(writer, value);
    writer.EndObject();
    writer.EndObject();
}

void attribute(JsonWriter& writer, std::string_view key, std::int64_t value) {
    writer.StartObject();
    writer.Key("key");
    string(writer, key);
    writer.Key("value");
    writer.StartObject();
    number(writer, "intValue", value);
    writer.EndObject();
    writer.EndObject();
}

void operation_attributes(JsonWriter& writer, std::string_view operation) {
    attribute(writer, "messaging.operation.name", operation);
    attribute(writer, "messaging.operation.type", operation);
}

std::string_view input_of(const Span& span) {
    return span.destination.empty() ? std::string_view(span.source->input.name) : span.destination;
}

void process_attributes(JsonWriter& writer, const Span& span) {
    attribute(writer, "messaging.system", span.source->input.system);
    operation_attributes(writer, "process");
    attribute(writer, "messaging.destination.name", input_of(span));
    if (span.partition >= 0)
        attribute(writer, "messaging.destination.partition.id", std::to_string(span.partition));
    if (span.offset >= 0 && span.source->input.system == "kafka")
        attribute(writer, "messaging.kafka.offset", span.offset);
    if (!span.message_id.empty()) attribute(writer, "messaging.message.id", span.message_id);
    attribute(writer, "messaging.message.body.size", static_cast<std::int64_t>(span.body_size));
    if (*span.error_type != '\0') attribute(writer, "error.type", span.error_type);
    attribute(writer, "volley.component", span.source->component);
    attribute(writer, "volley.attempt", std::int64_t{span.attempt});
    attribute(writer, "volley.outcome", name_of(span.outcome));
    attribute(writer, "volley.outputs", std::int64_t{span.outputs});
}

// The queues of a send span, each once.
std::vector<const Destination*> queues_of(const Span& span) {
    std::vector<const Destination*> queues;
    for (std::size_t i = 0; i < std::min<std::size_t>(span.outputs, Span::most_named); ++i) {
        if (span.sent_to[i] >= span.source->outputs.size()) continue;
        const Destination* const queue = &span.source->outputs[span.sent_to[i]];
        if (std::find(queues.begin(), queues.end(), queue) == queues.end()) queues.push_back(queue);
    }
    return queues;
}

void send_attributes(JsonWriter& writer, const Span& span, const std::vector<const Destination*>& queues) {
    if (!queues.empty()) attribute(writer, "messaging.system", queues.front()->system);
    operation_attributes(writer, "send");
    if (queues.size() == 1) attribute(writer, "messaging.destination.name", queues.front()->name);
    if (queues.size() > 1) {
        writer.StartObject();
        writer.Key("key");
        writer.String("volley.destinations");
        writer.Key("value");
        writer.StartObject();
        writer.Key("arrayValue");
        writer.StartObject();
        writer.Key("values");
        writer.StartArray();
        for (const Destination* queue : queues) {
            writer.StartObject();
            writer.Key("stringValue");
            text(writer, queue->name);
            writer.EndObject();
        }
        writer.EndArray();
        writer.EndObject();
        writer.EndObject();
        writer.EndObject();
    }
    if (span.outputs > 1) attribute(writer, "messaging.batch.message_count", std::int64_t{span.outputs});
    attribute(writer, "volley.component", span.source->component);
}

void status(JsonWriter& writer, const Span& span) {
    if (*span.error_type == '\0') return;
    writer.Key("status");
    writer.StartObject();
    writer.Key("code");
    writer.Int(status_error);
    writer.Key("message");
    text(writer, span.error);
    writer.EndObject();
}

void write_span(JsonWriter& writer, const Span& span, std::int64_t epoch_ns) {
    const bool sends = span.kind == Span::Kind::send;
    const auto queues = sends ? queues_of(span) : std::vector<const Destination*>();
    std::string name = sends ? "send" : "process " + std::string(input_of(span));
    if (queues.size() == 1) name += " " + queues.front()->name;
    char trace_id[32];
    write_hex(span.context.trace_low, write_hex(span.context.trace_high, trace_id));
    writer.StartObject();
    writer.Key("traceId");
    string(writer, {trace_id, sizeof trace_id});
    id(writer, "spanId", span.context.span_id);
    if (span.parent_id != 0) id(writer, "parentSpanId", span.parent_id);
    writer.Key("flags");
    writer.Uint(span.context.is_sampled ? 1 : 0);
    writer.Key("name");
    text(writer, name);
    writer.Key("kind");
    writer.Int(sends ? kind_producer : kind_consumer);
    number(writer, "startTimeUnixNano", span.begin_ns + epoch_ns);
    number(writer, "endTimeUnixNano", span.end_ns + epoch_ns);
    writer.Key("attributes");
    writer.StartArray();
    if (sends)
        send_attributes(writer, span, queues);
    else
        process_attributes(writer, span);
    writer.EndArray();
    status(writer, span);
    writer.EndObject();
}

}  // namespace

std::string encode_request(const std::vector<Span>& spans, const Pairs& resource, std::int64_t epoch_ns) {
    rapidjson::StringBuffer buffer;
    JsonWriter writer(buffer);
    writer.StartObject();
    writer.Key("resourceSpans");
    writer.StartArray();
    writer.StartObject();
    writer.Key("resource");
    writer.StartObject();
    writer.Key("attributes");
    writer.StartArray();
    for (const auto& [key, value] : resource) attribute(writer, key, std::string_view(value));
    writer.EndArray();
    writer.EndObject();
    writer.Key("scopeSpans");
    writer.StartArray();
    writer.StartObject();
    writer.Key("scope");
    writer.StartObject();
    writer.Key("name");
    writer.String("volley");
    writer.Key("version");
    writer.String(VOLLEY_VERSION);
    writer.EndObject();
    writer.Key("spans");
    writer.StartArray();
    for (const Span& span : spans) write_span(writer, span, epoch_ns);
    writer.EndArray();
    writer.EndObject();
    writer.EndArray();
    writer.EndObject();
    writer.EndArray();
    writer.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

PartialSuccess read_response(std::string_view body) {
    PartialSuccess read;
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
    if (document.HasParseError()) return read;
    const rapidjson::Value* const partial = text::member_of(&document, "partialSuccess");
    const rapidjson::Value* const rejected = text::member_of(partial, "rejectedSpans");
    const rapidjson::Value* const why = text::member_of(partial, "errorMessage");
    if (rejected != nullptr && rejected->IsUint64()) read.rejected = rejected->GetUint64();
    if (rejected != nullptr && rejected->IsString()) {
        const std::string_view digits(rejected->GetString(), rejected->GetStringLength());
        std::from_chars(digits.data(), digits.data() + digits.size(), read.rejected);
    }
    if (why != nullptr && why->IsString()) read.why.assign(why->GetString(), why->GetStringLength());
    return read;
}

}  // namespace volley::tracing
