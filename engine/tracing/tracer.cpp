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

bool Tracer::wants_span() {
    if (queue_.has_room()) return true;
    queue_.count_dropped(1);
    return false;
}

}  // namespace volley::tracing
