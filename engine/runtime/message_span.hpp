// The spans of a message, and the trace context in the headers of the message, its outputs and its dead
// letter. Without a tracer a message costs one comparison, and headers pass as they came.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

#include "runtime/message_context.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"
#include "tracing/span.hpp"

namespace volley::runtime {

struct HandlerResult;

namespace detail {
void begin_span(const Pipeline& pipeline, MessageContext& context);
void show_span(MessageContext& context, volley_message& shown);
void end_span(const Pipeline& pipeline, const delivery::WorkItem& item, const HandlerResult& result,
              std::vector<tracing::Span>& out);
void end_dead_letter_span(const Pipeline& pipeline, const MessageContext& context,
                          std::vector<tracing::Span>& out);
}  // namespace detail

// An attempt begins. Requires: context.begin() was called.
inline void begin_span(const Pipeline& pipeline, MessageContext& context) {
    if (pipeline.tracer != nullptr) detail::begin_span(pipeline, context);
}

// It begins now, though its outputs carry its context already.
inline void resume_span(const Pipeline& pipeline, MessageContext& context) {
    if (pipeline.tracer != nullptr && context.span.context.is_sampled)
        context.span.begin_ns = monotonic().count();
}

// A handler sees the context of the attempt, so that its own spans are children of it. The headers are in the
// message's arena.
inline void show_span(const Pipeline& pipeline, MessageContext& context, volley_message& shown) {
    if (pipeline.tracer != nullptr && context.span.propagates) detail::show_span(context, shown);
}

// The attempt has ended so. Appends its spans. The end of a span of sending is left open (0).
inline void end_span(const Pipeline& pipeline, const delivery::WorkItem& item, const HandlerResult& result,
                     std::vector<tracing::Span>& out) {
    if (pipeline.tracer != nullptr && pipeline.contexts[item.slot].span.context.is_sampled)
        detail::end_span(pipeline, item, result, out);
}

// A call of the handler took so long for this message, or its ack came so long after its store's date. If the
// trace is sampled, it becomes the example of its bucket.
inline void note_exemplar(Pipeline& pipeline, const MessageContext& context, std::chrono::nanoseconds took) {
    if (pipeline.tracer == nullptr || !context.span.context.is_sampled) return;
    const double seconds = std::chrono::duration<double>(took).count();
    pipeline.handle_exemplars.note(duration_bucket(seconds), context.span.context, seconds);
}
inline void note_ack_exemplar(Pipeline& pipeline, const MessageContext& context, std::int64_t now_ms) {
    if (pipeline.tracer == nullptr || !context.span.context.is_sampled || context.message.timestamp_ms <= 0)
        return;
    const double seconds =
        static_cast<double>(std::max<std::int64_t>(now_ms - context.message.timestamp_ms, 0)) / 1000;
    pipeline.ack_exemplars.note(latency_bucket(seconds), context.span.context, seconds);
}

inline void end_dead_letter_span(const Pipeline& pipeline, const MessageContext& context,
                                 std::vector<tracing::Span>& out) {
    if (pipeline.tracer != nullptr) detail::end_dead_letter_span(pipeline, context, out);
}

// Puts the context into the headers of an output that has the input's headers, or the handler's own (`own`).
// A traceparent that the handler made itself stays. Handlers that set headers of their own need not care:
// what they leave out is added, unless they want no headers at all.
void pass_trace_context(const Pipeline& pipeline, MessageContext& context, const OutputQueue& to, bool own,
                        volley_record& record);

// Whether a header of the input stays out of the dead letter, because add_trace_context() replaces it.
bool is_replaced(const Pipeline& pipeline, const MessageContext& context, std::string_view header_name);
// The traceparent of outputs and dead letters, in the message's arena; empty: the input's stays.
std::string_view trace_context(const Pipeline& pipeline, MessageContext& context);

}  // namespace volley::runtime
