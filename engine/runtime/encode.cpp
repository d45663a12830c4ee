#include "runtime/encode.hpp"

#include <charconv>

#include "runtime/identity.hpp"

namespace volley::runtime {

namespace {

constexpr std::string_view reserved_prefix = "volley-";

bool is_reserved(const volley_header& header) {
    return text_of(header.name).substr(0, reserved_prefix.size()) == reserved_prefix;
}

// The input's headers without those that only we may set: a sender must not forge attempts or ids.
void pass_headers(Work& work, volley_record& record) {
    const volley_message& m = work.message;
    bool any_reserved = false;
    for (std::uint32_t i = 0; i < m.header_count; ++i)
        any_reserved = any_reserved || is_reserved(m.headers[i]);
    record.headers = m.headers;
    record.header_count = m.header_count;
    if (!any_reserved) return;
    auto* kept = static_cast<volley_header*>(work.arena.allocate(m.header_count * sizeof(volley_header)));
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < m.header_count; ++i) {
        if (!is_reserved(m.headers[i])) kept[count++] = m.headers[i];
    }
    record.headers = kept;
    record.header_count = count;
}

Output& add_output(Work& work, const Pipeline& pipeline, delivery::Slot slot, std::uint16_t port) {
    Output& output = work.outputs.emplace_back(pipeline.ports[port]->blank);
    output.record.token = token_of(slot, work, work.outputs.size() - 1);
    return output;
}

volley_view input_key(const Work& work) { return work.key.empty() ? work.message.key : view_of(work.key); }

volley_view copied(Work& work, const volley_view& view) {
    return is_absent(view) ? view : view_of(work.arena.copy(text_of(view)));
}

void copy_headers(Work& work, volley_record& record) {
    if (record.header_count == 0) return;
    auto* headers =
        static_cast<volley_header*>(work.arena.allocate(record.header_count * sizeof(volley_header)));
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        headers[i] = {copied(work, record.headers[i].name), copied(work, record.headers[i].value)};
    }
    record.headers = headers;
}

bool is_same(const volley_view& a, const volley_view& b) { return a.data == b.data && a.size == b.size; }

// The original bytes go on as they are between equal serializers; forward also passes them with `none` on
// either side, whereas what a handler sends to a json queue is checked. What was checked on the way in is not
// checked by the same schema again.
bool passes_untouched(const Pipeline& pipeline, const Work& work, const volley_record& record,
                      const Port& port) {
    const bool checked = !port.schema || port.has_schema_of_input;
    const bool is_json_of_ours = work.decoded && port.encoding == codec::Encoding::json &&
                                 pipeline.input_encoding != codec::Encoding::none;
    if (is_json_of_ours && is_same(record.body, view_of(work.body))) return checked;
    if (!is_same(record.body, work.message.body)) return false;
    if (port.encoding == pipeline.input_encoding) return checked;
    return pipeline.is_forward() &&
           (port.encoding == codec::Encoding::none || pipeline.input_encoding == codec::Encoding::none);
}

void add_id_header(Work& work, volley_record& record) {
    auto* headers =
        static_cast<volley_header*>(work.arena.allocate((record.header_count + 1U) * sizeof(volley_header)));
    for (std::uint32_t i = 0; i < record.header_count; ++i) headers[i] = record.headers[i];
    headers[record.header_count] = {view_of("volley-id"), record.id};
    record.headers = headers;
    ++record.header_count;
}

}  // namespace

void add_forward(const Pipeline& pipeline, Work& work, delivery::Slot slot, std::uint16_t port) {
    volley_record& record = add_output(work, pipeline, slot, port).record;
    record.body =
        pipeline.ports[port]->encoding == pipeline.input_encoding ? work.message.body : view_of(work.body);
    if (is_absent(work.message.body)) record.body = work.message.body;
    record.key = input_key(work);
    pass_headers(work, record);
}

Result<void> add_emitted(const Pipeline& pipeline, Work& work, delivery::Slot slot, std::uint16_t port,
                         const volley_record& asked) {
    const Port& to = *pipeline.ports[port];
    if (work.outputs.size() == most_outputs)
        return Error(ErrorCode::permanent,
                     "a message cannot have more than " + std::to_string(most_outputs) + " outputs");
    if (asked.delay_ms > 0 && !to.can(VOLLEY_CAN_DELAY)) {
        return Error(ErrorCode::unsupported, "a delay was asked of queue \"" + to.queue +
                                                 "\", and its connector " + to.connector + " has none");
    }
    volley_record& record = add_output(work, pipeline, slot, port).record;
    const bool borrowed = (asked.flags & VOLLEY_RECORD_BORROWED) != 0;
    record.body = borrowed ? asked.body : copied(work, asked.body);
    const bool own_key = !is_absent(asked.key) || (asked.flags & VOLLEY_RECORD_OWN_KEY) != 0;
    const bool own_headers = asked.header_count > 0 || (asked.flags & VOLLEY_RECORD_OWN_HEADERS) != 0;
    if (!own_key)
        record.key = input_key(work);
    else
        record.key = borrowed ? asked.key : copied(work, asked.key);
    record.partition = asked.partition;
    record.timestamp_ms = asked.timestamp_ms;
    record.delay_ms = asked.delay_ms;
    if (!own_headers) {
        pass_headers(work, record);
    } else {
        record.headers = asked.headers;
        record.header_count = asked.header_count;
        if (!borrowed) copy_headers(work, record);
    }
    return {};
}

std::optional<codec::Failure> encode(const Pipeline& pipeline, Work& work, const codec::Parsed* parsed) {
    const bool from_json = pipeline.input_encoding != codec::Encoding::none;
    for (std::size_t i = 0; i < work.outputs.size(); ++i) {
        volley_record& record = work.outputs[i].record;
        const Port& port = *pipeline.ports[work.outputs[i].port];
        if (is_absent(record.body)) {
            if (!port.can(VOLLEY_CAN_TOMBSTONE))
                return codec::Failure{VOLLEY_REASON_OUTPUT,
                                      "a message without a body cannot be stored in queue \"" + port.queue +
                                          "\" (" + port.connector + ")"};
        } else if (!passes_untouched(pipeline, work, record, port) && !port.encoder->is_pass_through()) {
            std::string scratch;
            std::string_view encoded;
            const auto from = from_json ? codec::Encoding::json : codec::Encoding::none;
            if (auto failure = port.encoder->encode(text_of(record.body), from, scratch, encoded, parsed)) {
                failure->text = "output to \"" + port.queue + "\": " + failure->text;
                return failure;
            }
            record.body =
                encoded.data() == scratch.data() ? view_of(work.arena.copy(encoded)) : view_of(encoded);
        }
        char index[20];
        index[0] = static_cast<char>('0' + i % 10);
        const auto* const end = i < 10 ? index + 1 : std::to_chars(index, index + sizeof index, i).ptr;
        record.id = stable_id(pipeline, work, {index, static_cast<std::size_t>(end - index)});
        if (pipeline.config.output_ids && port.can(VOLLEY_CAN_HEADERS) && !is_absent(record.id))
            add_id_header(work, record);
    }
    return std::nullopt;
}

}  // namespace volley::runtime
