#include "runtime/message_span.hpp"

#include <algorithm>
#include <optional>

#include "runtime/identity.hpp"
#include "runtime/pass_results.hpp"
#include "runtime/schedule.hpp"
#include "runtime/snapshot.hpp"
#include "text/fingerprint.hpp"
#include "tracing/tracer.hpp"

namespace volley::runtime {

using delivery::Verdict;
using tracing::is_traceparent;
using tracing::is_tracestate;

namespace {

// One traceparent counts. With several it is not known which one is meant, so there is none.
std::string_view traceparent_of(const volley_header* headers, std::uint32_t count) {
    std::string_view found;
    bool is_one = false;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (!is_traceparent(text_of(headers[i].name))) continue;
        if (is_one) return {};
        is_one = true;
        found = text_of(headers[i].value);
    }
    return found;
}

bool has_traceparent(const volley_header* headers, std::uint32_t count) {
    return std::any_of(headers, headers + count,
                       [](const volley_header& header) { return is_traceparent(text_of(header.name)); });
}

std::string_view text_of_context(Arena& arena, const tracing::SpanContext& context) {
    char* const text = static_cast<char*>(arena.allocate(tracing::traceparent_size));
    tracing::write_traceparent(context, text);
    return {text, tracing::traceparent_size};
}

// A trace that begins here has no state of others.
bool is_replaced_by(const tracing::OpenSpan& span, std::string_view name) {
    return is_traceparent(name) || (span.parent_id == 0 && is_tracestate(name));
}

struct HeaderList {
    volley_header* list;
    std::uint32_t count = 0;

    HeaderList(Arena& arena, std::size_t capacity)
        : list(static_cast<volley_header*>(arena.allocate(capacity * sizeof(volley_header)))) {}
    void add(const volley_header& header) { list[count++] = header; }
};

// The headers, with `text` in place of any other context.
HeaderList with_context(MessageContext& context, const volley_header* headers, std::uint32_t count,
                        std::string_view text) {
    HeaderList made(context.arena, count + 1U);
    for (std::uint32_t i = 0; i < count; ++i)
        if (!is_replaced_by(context.span, text_of(headers[i].name))) made.add(headers[i]);
    made.add({view_of("traceparent"), view_of(text)});
    return made;
}

// Which of the input's headers go with a context that the handler left out: those of the context.
void add_of_input(const volley_message& m, bool with_parent, HeaderList& made) {
    for (std::uint32_t i = 0; i < m.header_count; ++i) {
        const std::string_view name = text_of(m.headers[i].name);
        if ((with_parent && is_traceparent(name)) || is_tracestate(name)) made.add(m.headers[i]);
    }
}

// The handler made the headers.
void complete_own(const Pipeline& pipeline, MessageContext& context, volley_record& record) {
    const volley_message& m = context.message;
    const std::string_view text = trace_context(pipeline, context);
    if (has_traceparent(record.headers, record.header_count)) {
        if (text.empty()) return;
        // Only what the handler was given is replaced.
        const std::string_view given = traceparent_of(record.headers, record.header_count);
        char shown[tracing::traceparent_size];
        tracing::write_traceparent(context.span.context, shown);
        const bool is_passed_on = given == std::string_view(shown, sizeof shown) ||
                                  given == traceparent_of(m.headers, m.header_count);
        if (!is_passed_on) return;
        const HeaderList made = with_context(context, record.headers, record.header_count, text);
        record.headers = made.list;
        record.header_count = made.count;
        return;
    }
    if (text.empty() && !has_traceparent(m.headers, m.header_count)) return;
    HeaderList made(context.arena, record.header_count + m.header_count + 1U);
    bool has_state = false;
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        has_state = has_state || is_tracestate(text_of(record.headers[i].name));
        made.add(record.headers[i]);
    }
    if (!text.empty()) made.add({view_of("traceparent"), view_of(text)});
    const bool begins_trace = !text.empty() && context.span.parent_id == 0;
    if (!has_state && !begins_trace) add_of_input(m, text.empty(), made);
    record.headers = made.list;
    record.header_count = made.count;
}

std::string shortened(std::string_view text) {
    return std::string(text.substr(0, tracing::Span::longest_text));
}

tracing::Outcome outcome_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::drop:
            return tracing::Outcome::dropped;
        case Verdict::retry:
            return tracing::Outcome::retry;
        case Verdict::fail:
            return tracing::Outcome::failed;
        default:
            return tracing::Outcome::ok;
    }
}

// The sending begins when the processing ends.
tracing::Span span_of_sending(const Pipeline& pipeline, const MessageContext& context) {
    tracing::Span span;
    span.kind = tracing::Span::Kind::send;
    span.context = context.span.of_outputs();
    span.parent_id = context.span.context.span_id;
    span.begin_ns = monotonic().count();
    span.source = pipeline.span_source;
    return span;
}

}  // namespace

namespace detail {

void begin_span(const Pipeline& pipeline, MessageContext& context) {
    const volley_message& m = context.message;
    std::optional<tracing::SpanContext> parent;
    if (m.header_count > 0) parent = tracing::parse_traceparent(traceparent_of(m.headers, m.header_count));
    if (parent && !pipeline.tracer->samples(*parent)) {
        context.span = {};
        return;
    }
    const std::uint64_t name = message_name(pipeline, context);
    const std::uint64_t seed = name != 0 ? name ^ pipeline.span_seed : tracing::random_id();
    pipeline.tracer->begin(parent ? &*parent : nullptr, seed, context.span);
    if (context.span.context.is_sampled) context.span.begin_ns = monotonic().count();
}

void show_span(MessageContext& context, volley_message& shown) {
    const std::string_view text = text_of_context(context.arena, context.span.context);
    const HeaderList made = with_context(context, shown.headers, shown.header_count, text);
    shown.headers = made.list;
    shown.header_count = made.count;
}

void end_span(const Pipeline& pipeline, const delivery::WorkItem& item, const HandlerResult& result,
              std::vector<tracing::Span>& out) {
    const MessageContext& context = pipeline.contexts[item.slot];
    if (result.verdict == Verdict::not_started) return;
    const volley_message& m = context.message;
    if (pipeline.tracer->wants_span()) {
        tracing::Span& span = out.emplace_back();
        span.context = context.span.context;
        span.parent_id = context.span.parent_id;
        span.begin_ns = context.span.begin_ns;
        span.end_ns = monotonic().count();
        span.source = pipeline.span_source;
        if (!is_absent(m.source)) span.destination = shortened(text_of(m.source));
        span.message_id = shortened(text_of(m.id));
        span.partition = m.partition;
        span.offset = m.offset;
        span.body_size = text_of(m.body).size();
        span.attempt = item.attempt;
        span.outputs = static_cast<std::uint32_t>(context.outputs.size());
        span.outcome = outcome_of(result.verdict);
        if (span.outcome == tracing::Outcome::retry || span.outcome == tracing::Outcome::failed) {
            span.error_type = reason_names[result.reason < reason_count ? result.reason : 0];
            span.error = shortened(context.last_error);
        }
    }
    if (context.outputs.empty() || !pipeline.tracer->wants_span()) return;
    tracing::Span& sending = out.emplace_back(span_of_sending(pipeline, context));
    sending.outputs = static_cast<std::uint32_t>(context.outputs.size());
    for (std::size_t i = 0; i < std::min(context.outputs.size(), sending.sent_to.size()); ++i)
        sending.sent_to[i] = context.outputs[i].queue_index;
}

void end_dead_letter_span(const Pipeline& pipeline, const MessageContext& context,
                          std::vector<tracing::Span>& out) {
    if (!context.span.context.is_sampled || !pipeline.tracer->wants_span()) return;
    tracing::Span& sending = out.emplace_back(span_of_sending(pipeline, context));
    sending.outputs = 1;
    sending.sent_to.front() = static_cast<std::uint16_t>(pipeline.output_queues.size());
}

}  // namespace detail

std::string_view trace_context(const Pipeline& pipeline, MessageContext& context) {
    if (pipeline.tracer == nullptr || !context.span.propagates) return {};
    return text_of_context(context.arena, context.span.of_outputs());
}

bool is_replaced(const Pipeline& pipeline, const MessageContext& context, std::string_view header_name) {
    return pipeline.tracer != nullptr && context.span.propagates && is_replaced_by(context.span, header_name);
}

void pass_trace_context(const Pipeline& pipeline, MessageContext& context, const OutputQueue& to, bool own,
                        volley_record& record) {
    if (!to.can(VOLLEY_CAN_HEADERS)) return;
    if (own) {
        if (record.header_count > 0) complete_own(pipeline, context, record);
        return;
    }
    const std::string_view text = trace_context(pipeline, context);
    if (text.empty()) return;
    const HeaderList made = with_context(context, record.headers, record.header_count, text);
    record.headers = made.list;
    record.header_count = made.count;
}

}  // namespace volley::runtime
