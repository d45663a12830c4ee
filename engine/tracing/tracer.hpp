// Tracing as the rest of the engine sees it: what the environment asks for, and where spans go.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tracing/exporter.hpp"
#include "tracing/settings.hpp"
#include "tracing/span.hpp"
#include "tracing/span_queue.hpp"

namespace volley::tracing {

class Tracer {
public:
    // Returns null if there is nothing to send to, which is the usual case. Logs what is wrong with the
    // variables. `app` names the service unless a variable does.
    static std::unique_ptr<Tracer> make(const Variable& variable, const std::string& app);

    explicit Tracer(Settings settings);
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;

    // Starts the exporter.
    void start();
    // Sends what is left, but not longer than `limit`.
    void finish(std::chrono::milliseconds limit) { exporter_.finish(limit); }

    // Thread: any, as all that follows. The source lives as long as the tracer.
    const SpanSource& add_source(SpanSource source);

    // Whether a message with this context, if it has a valid one, gets spans.
    bool samples(const SpanContext& parent) const {
        return settings_.sampler.samples(&parent, parent.trace_low);
    }
    // The spans of a message that is about to be processed. `parent`: what the message carries; null: nothing
    // valid. `seed` stands for the message: with the same seed its outputs carry the same context, also when
    // it is processed again after a crash, so that a store with deduplication recognises them. Sets all of
    // `span` but `begin_ns`, which the caller sets if the trace is sampled. Nothing else is written or asked:
    // a message that is not sampled must cost little.
    void begin(const SpanContext* parent, std::uint64_t seed, OpenSpan& span) const {
        enum Salt : std::uint64_t { high = 1, low, sending };
        SpanContext& context = span.context;
        const std::uint64_t trace_low = parent != nullptr ? parent->trace_low : derived_id(seed, Salt::low);
        context.trace_low = trace_low;
        context.is_sampled = settings_.sampler.samples(parent, trace_low);
        if (!context.is_sampled) {
            // A message that is not sampled passes on the context that it came with. If it came with none,
            // receivers learn that the decision has been made. No span will be looked for under these ids,
            // so they are as short as they may be.
            context.trace_high = 0;
            context.span_id = span.send_id = trace_low;
            span.parent_id = 0;
            span.propagates = parent == nullptr;
            return;
        }
        context.trace_high = parent != nullptr ? parent->trace_high : derived_id(seed, Salt::high);
        context.span_id = random_id();
        span.send_id = derived_id(seed, Salt::sending);
        span.parent_id = parent != nullptr ? parent->span_id : 0;
        span.propagates = true;
    }
    // Whether a span that ends now would be kept. If not, it counts as dropped.
    bool wants_span();
    void add(std::vector<Span>& spans) { queue_.add(spans); }

    SpanCounts counts() const { return exporter_.counts(); }

private:
    const Settings settings_;
    SpanQueue queue_;
    Exporter exporter_;
    std::mutex mutex_;  // guards sources_
    std::deque<SpanSource> sources_;
};

}  // namespace volley::tracing
