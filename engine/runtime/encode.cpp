#include "runtime/encode.hpp"

#include <charconv>

#include "runtime/identity.hpp"
#include "runtime/message_span.hpp"

namespace volley::runtime {

namespace {

constexpr std::string_view reserved_prefix = "volley-";

bool is_reserved(const volley_header& header) {
    return text_of(header.name).substr(0, reserved_prefix.size()) == reserved_prefix;
}

// Passes the input's headers on, except those that only the engine may set: a sender must not forge attempts
// or ids.
void pass_headers(MessageContext& context, volley_record& record) {
    const volley_message& m = context.message;
    bool any_reserved = false;
    for (std::uint32_t i = 0; i < m.header_count; ++i)
        any_reserved = any_reserved || is_reserved(m.headers[i]);
    record.headers = m.headers;
    record.header_count = m.header_count;
    if (!any_reserved) return;
    auto* kept = static_cast<volley_header*>(context.arena.allocate(m.header_count * sizeof(volley_header)));
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < m.header_count; ++i) {
        if (!is_reserved(m.headers[i])) kept[count++] = m.headers[i];
    }
    record.headers = kept;
    record.header_count = count;
}

Output& add_output(MessageContext& context, const Pipeline& pipeline, delivery::Slot slot,
                   std::uint16_t queue_index) {
    Output& output = context.outputs.emplace_back(pipeline.output_queues[queue_index]->blank);
    output.record.token = token_of(slot, context, context.outputs.size() - 1);
    return output;
}

volley_view input_key(const MessageContext& context) {
    return context.key.empty() ? context.message.key : view_of(context.key);
}

volley_view copied(MessageContext& context, const volley_view& view) {
    return is_absent(view) ? view : view_of(context.arena.copy(text_of(view)));
}

void copy_headers(MessageContext& context, volley_record& record) {
    if (record.header_count == 0) return;
    auto* headers =
        static_cast<volley_header*>(context.arena.allocate(record.header_count * sizeof(volley_header)));
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        headers[i] = {copied(context, record.headers[i].name), copied(context, record.headers[i].value)};
    }
    record.headers = headers;
}

bool is_same(const volley_view& a, const volley_view& b) { return a.data == b.data && a.size == b.size; }

// Equal serializers pass the original bytes on unchanged. forward does the same if either side is `none`,
// whereas the engine checks what a handler sends to a json queue. A body that was checked when it came in is
// not checked against the same schema again.
bool passes_untouched(const Pipeline& pipeline, const MessageContext& context, const volley_record& record,
                      const OutputQueue& output_queue) {
    const bool checked = !output_queue.schema || output_queue.has_schema_of_input;
    const bool is_json_of_ours = context.decoded && output_queue.encoding == codec::Encoding::json &&
                                 pipeline.input_encoding != codec::Encoding::none;
    if (is_json_of_ours && is_same(record.body, view_of(context.body))) return checked;
    if (!is_same(record.body, context.message.body)) return false;
    if (output_queue.encoding == pipeline.input_encoding) return checked;
    return pipeline.is_forward() && (output_queue.encoding == codec::Encoding::none ||
                                     pipeline.input_encoding == codec::Encoding::none);
}

void add_id_header(MessageContext& context, volley_record& record) {
    auto* headers = static_cast<volley_header*>(
        context.arena.allocate((record.header_count + 1U) * sizeof(volley_header)));
    for (std::uint32_t i = 0; i < record.header_count; ++i) headers[i] = record.headers[i];
    headers[record.header_count] = {view_of("volley-id"), record.id};
    record.headers = headers;
    ++record.header_count;
}

}  // namespace

void add_forward(const Pipeline& pipeline, MessageContext& context, delivery::Slot slot,
                 std::uint16_t queue_index) {
    volley_record& record = add_output(context, pipeline, slot, queue_index).record;
    record.body = pipeline.output_queues[queue_index]->encoding == pipeline.input_encoding
                      ? context.message.body
                      : view_of(context.body);
    if (is_absent(context.message.body)) record.body = context.message.body;
    record.key = input_key(context);
    pass_headers(context, record);
    if (pipeline.tracer != nullptr)
        pass_trace_context(pipeline, context, *pipeline.output_queues[queue_index], false, record);
}

Result<void> add_emitted(const Pipeline& pipeline, MessageContext& context, delivery::Slot slot,
                         std::uint16_t queue_index, const volley_record& asked) {
    const OutputQueue& to = *pipeline.output_queues[queue_index];
    if (context.outputs.size() == most_outputs)
        return Error(ErrorCode::permanent,
                     "a message cannot have more than " + std::to_string(most_outputs) + " outputs");
    if (asked.delay_ms > 0 && !to.can(VOLLEY_CAN_DELAY)) {
        return Error(ErrorCode::unsupported, "a delay was asked of queue \"" + to.queue +
                                                 "\", and its connector " + to.connector + " has none");
    }
    volley_record& record = add_output(context, pipeline, slot, queue_index).record;
    const bool borrowed = (asked.flags & VOLLEY_RECORD_BORROWED) != 0;
    record.body = borrowed ? asked.body : copied(context, asked.body);
    const bool own_key = !is_absent(asked.key) || (asked.flags & VOLLEY_RECORD_OWN_KEY) != 0;
    const bool own_headers = asked.header_count > 0 || (asked.flags & VOLLEY_RECORD_OWN_HEADERS) != 0;
    if (!own_key)
        record.key = input_key(context);
    else
        record.key = borrowed ? asked.key : copied(context, asked.key);
    record.partition = asked.partition;
    record.timestamp_ms = asked.timestamp_ms;
    record.delay_ms = asked.delay_ms;
    if (!own_headers) {
        pass_headers(context, record);
    } else {
        record.headers = asked.headers;
        record.header_count = asked.header_count;
        if (!borrowed) copy_headers(context, record);
    }
    if (own_headers || pipeline.tracer != nullptr)
        pass_trace_context(pipeline, context, to, own_headers, record);
    return {};
}

std::optional<codec::Failure> encode(const Pipeline& pipeline, MessageContext& context,
                                     const codec::Parsed* parsed) {
    const bool from_json = pipeline.input_encoding != codec::Encoding::none;
    for (std::size_t i = 0; i < context.outputs.size(); ++i) {
        volley_record& record = context.outputs[i].record;
        const OutputQueue& output_queue = *pipeline.output_queues[context.outputs[i].queue_index];
        if (is_absent(record.body)) {
            if (!output_queue.can(VOLLEY_CAN_TOMBSTONE))
                return codec::Failure{VOLLEY_REASON_OUTPUT,
                                      "a message without a body cannot be stored in queue \"" +
                                          output_queue.queue + "\" (" + output_queue.connector + ")"};
        } else if (!passes_untouched(pipeline, context, record, output_queue) &&
                   !output_queue.encoder->is_pass_through()) {
            std::string scratch;
            std::string_view encoded;
            const auto from = from_json ? codec::Encoding::json : codec::Encoding::none;
            if (auto failure =
                    output_queue.encoder->encode(text_of(record.body), from, scratch, encoded, parsed)) {
                failure->text = "output to \"" + output_queue.queue + "\": " + failure->text;
                return failure;
            }
            record.body =
                encoded.data() == scratch.data() ? view_of(context.arena.copy(encoded)) : view_of(encoded);
        }
        char index[20];
        index[0] = static_cast<char>('0' + i % 10);
        const auto* const end = i < 10 ? index + 1 : std::to_chars(index, index + sizeof index, i).ptr;
        record.id = stable_id(pipeline, context, {index, static_cast<std::size_t>(end - index)});
        if (pipeline.config.output_ids && output_queue.can(VOLLEY_CAN_HEADERS) && !is_absent(record.id))
            add_id_header(context, record);
    }
    return std::nullopt;
}

}  // namespace volley::runtime
