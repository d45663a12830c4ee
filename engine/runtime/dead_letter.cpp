#include "runtime/dead_letter.hpp"

#include <ctime>

#include "codec/message_json.hpp"
#include "runtime/identity.hpp"
#include "runtime/message_span.hpp"
#include "runtime/schedule.hpp"
#include "text/text.hpp"

namespace volley::runtime {

namespace {

// The number of bytes that remain of a body that is too large for the dead-letter queue.
constexpr std::size_t truncated_bytes = 16 * 1024;

std::string iso_time(std::int64_t unix_milliseconds) {
    const std::time_t seconds = unix_milliseconds / 1000;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char text[32];
    const auto n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    return std::string(text, n) + '.' + std::to_string(1000 + unix_milliseconds % 1000).substr(1) + 'Z';
}

// Pairs of a name and a value. The values are copied into the arena.
class Headers {
public:
    Headers(MessageContext& context, std::size_t capacity)
        : context_(context),
          list_(static_cast<volley_header*>(context.arena.allocate(capacity * sizeof(volley_header)))) {}
    void add(std::string_view name, std::string_view value) {
        list_[count_++] = {view_of(name), view_of(context_.arena.copy(value))};
    }
    void pass(const volley_header& header) { list_[count_++] = header; }
    const volley_header* begin() const { return list_; }
    const volley_header* end() const { return list_ + count_; }
    std::uint32_t size() const { return count_; }

private:
    MessageContext& context_;
    volley_header* list_;
    std::uint32_t count_ = 0;
};

constexpr std::size_t own_headers = 20;

void add_own(const Pipeline& pipeline, MessageContext& context, std::uint32_t attempts, Headers& headers) {
    const volley_message& m = context.message;
    headers.add("volley-app", pipeline.app);
    headers.add("volley-component", pipeline.config.name);
    headers.add("volley-queue", pipeline.input.name);
    headers.add("volley-source",
                is_absent(m.source) ? std::string_view(pipeline.input.value) : text_of(m.source));
    if (m.partition >= 0) headers.add("volley-partition", std::to_string(m.partition));
    if (m.offset >= 0) headers.add("volley-offset", std::to_string(m.offset));
    if (!is_absent(m.id)) headers.add("volley-message-id", text_of(m.id));
    if (m.timestamp_ms > 0) headers.add("volley-timestamp", iso_time(m.timestamp_ms));
    headers.add("volley-attempts", std::to_string(attempts));
    headers.add("volley-reason", reason_names[context.reason < reason_count ? context.reason : 0]);
    headers.add("volley-error", text::safe(context.last_error));
    headers.add("volley-first-error", text::safe(context.first_error));
    headers.add("volley-received-at", iso_time(context.received_ms));
    headers.add("volley-failed-at", iso_time(unix_ms()));
    headers.add("volley-handler", pipeline.handler_label);
    headers.add("volley-version", VOLLEY_VERSION);
    const bool is_cut_off = (m.flags & VOLLEY_MESSAGE_CUT_OFF) != 0;
    if (context.truncate || is_cut_off)
        headers.add("volley-truncated-from", (is_cut_off ? "more than " : "") + std::to_string(m.body.size));
}

std::string_view envelope(MessageContext& context, const Headers& headers, std::string_view body) {
    rapidjson::StringBuffer buffer;
    text::JsonWriter writer(buffer);
    writer.StartObject();
    writer.Key("volley_dead_letter");
    writer.Uint(2);
    writer.Key("headers");
    codec::write_headers(writer, {headers.begin(), headers.end()});
    if (!is_absent(context.message.key)) codec::write_bytes(writer, "key", text_of(context.message.key));
    if (is_absent(context.message.body)) {
        // A tombstone: `volley dlq retry` must not turn it into an empty body.
        writer.Key("body");
        writer.Null();
    } else {
        codec::write_bytes(writer, "body", body);
    }
    writer.EndObject();
    return context.arena.copy({buffer.GetString(), buffer.GetSize()});
}

// Whether the store can hold every part of the message; if not, the dead letter needs an envelope.
bool holds_as_it_is(const OutputQueue& output_queue, const volley_message& message) {
    return output_queue.can(VOLLEY_CAN_HEADERS) &&
           (is_absent(message.key) || output_queue.can(VOLLEY_CAN_KEY)) &&
           (!is_absent(message.body) || output_queue.can(VOLLEY_CAN_TOMBSTONE));
}

}  // namespace

volley_record dead_letter(const Pipeline& pipeline, MessageContext& context, delivery::Slot slot,
                          std::uint32_t attempts) {
    const volley_message& m = context.message;
    const OutputQueue& output_queue = *pipeline.dead_letters;
    context.discard_outputs();
    Headers headers(context, own_headers + m.header_count);
    for (std::uint32_t i = 0; i < m.header_count; ++i) {
        const std::string_view name = text_of(m.headers[i].name);
        if (name.substr(0, 7) != "volley-" && !is_replaced(pipeline, context, name))
            headers.pass(m.headers[i]);
    }
    const std::string_view trace = trace_context(pipeline, context);
    if (!trace.empty()) headers.pass({view_of("traceparent"), view_of(trace)});
    add_own(pipeline, context, attempts, headers);

    volley_record record{};
    record.token = token_of(slot, context, 0) | dead_letter_bit;
    record.queue = view_of(output_queue.value);
    record.partition = -1;
    // The id lets a store that deduplicates drop the second copy if the process dies between the confirmation
    // and the ack.
    record.id = stable_id(pipeline, context, "dead");
    std::string_view body = text_of(m.body);
    if (context.truncate) body = body.substr(0, truncated_bytes);
    if (holds_as_it_is(output_queue, m)) {
        record.key = m.key;
        record.headers = headers.begin();
        record.header_count = headers.size();
        record.body = is_absent(m.body) ? m.body : view_of(body);
    } else {
        record.body = view_of(envelope(context, headers, body));
    }
    return record;
}

}  // namespace volley::runtime
