#include "tracing/tracer.hpp"

#include <utility>

#include "log/log.hpp"
#include "tracing/http_post.hpp"

namespace volley::tracing {

std::unique_ptr<Tracer> Tracer::make(const Variable& variable, const std::string& app) {
    Settings settings = read_settings(variable, app);
    for (const std::string& warning : settings.warnings) log::warning(warning);
    if (!settings.is_on) return nullptr;
    if (post == nullptr) {
        log::warning("this program is built without the client that sends spans; tracing is off");
        return nullptr;
    }
    return std::make_unique<Tracer>(std::move(settings));
}

Tracer::Tracer(Settings settings)
    : settings_(std::move(settings)),
      queue_(settings_.queue_size, settings_.batch_size),
      exporter_(settings_, queue_) {}

void Tracer::start() {
    if (exporter_.start())
        log::info("spans are sent", {{"collector", settings_.endpoint.shown()}});
    else
        log::warning("no thread to send spans; they are dropped");
}

const SpanSource& Tracer::add_source(SpanSource source) {
    const std::lock_guard lock(mutex_);
    return sources_.emplace_back(std::move(source));
}

OpenSpan Tracer::begin(const SpanContext* parent, std::uint64_t seed, std::int64_t now_ns) const {
    enum Salt : std::uint64_t { high = 1, low, sending };
    OpenSpan span;
    SpanContext& context = span.context;
    context.trace_high = parent != nullptr ? parent->trace_high : derived_id(seed, Salt::high);
    context.trace_low = parent != nullptr ? parent->trace_low : derived_id(seed, Salt::low);
    context.is_sampled = settings_.sampler.samples(parent, context.trace_low);
    // A message that is not sampled passes on the context that it came with. If it came with none, receivers
    // learn that the decision has been made.
    if (!context.is_sampled && parent != nullptr) return span;
    context.span_id = random_id();
    span.send_id = derived_id(seed, Salt::sending);
    span.parent_id = parent != nullptr ? parent->span_id : 0;
    span.begin_ns = now_ns;
    span.propagates = true;
    return span;
}

bool Tracer::wants_span() {
    if (queue_.has_room()) return true;
    queue_.count_dropped(1);
    return false;
}

}  // namespace volley::tracing
